import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwire-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function doctor(dataDir: string) {
  const env = { ...process.env, GROUNDWIRE_DATA_DIR: dataDir };
  return spawnSync(process.execPath, [MAIN, "doctor"], { encoding: "utf8", env });
}

test("a data folder that is not there yet is right, and is not made", () => {
  const { status, stdout } = doctor(join(folder, "new", "data"));
  expect(stdout).toContain(`ok      collections: 0\n        ${join(folder, "new", "data")}`);
  expect(stdout).toContain("ok      start and stop");
  expect(status).toBe(0);
  expect(() => rmSync(join(folder, "new"))).toThrow("ENOENT");
});

test("a data folder that is a file is named, with the rule", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const { status, stdout } = doctor(join(file, "data"));
  expect(status).toBe(1);
  expect(stdout).toContain("FAILED");
  expect(stdout).toContain(`GROUNDWIRE_DATA_DIR must be a folder that can be written, ${file} is no folder`);
});
