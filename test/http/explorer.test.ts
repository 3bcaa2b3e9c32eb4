import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { afterAll, expect, test } from "vitest";
import { registerExplorer } from "../../src/http/explorer.js";

const folder = mkdtempSync(join(tmpdir(), "groundwire-explorer-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("without a built page there is none, and the server goes on", async () => {
  const app = Fastify();
  registerExplorer(app, folder);
  expect((await app.inject("/")).statusCode).toBe(404);
});

test("the page may change at its address; its files may not", async () => {
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
  writeFileSync(join(folder, "assets", "code-1a2b.js"), "1");
  const app = Fastify();
  registerExplorer(app, folder);
  const page = await app.inject("/");
  expect(page.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
  });
  const code = await app.inject("/assets/code-1a2b.js");
  expect(code.headers["content-type"]).toBe("text/javascript; charset=utf-8");
  expect(code.headers["cache-control"]).toContain("immutable");
  expect((await app.inject("/assets/../package.json")).statusCode).toBe(404);
});
