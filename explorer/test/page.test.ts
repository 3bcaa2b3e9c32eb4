// @vitest-environment node
import { expect, inject, test } from "vitest";
import "../../sdk/test/helpers/clients.js";

const page = new URL("/", inject("gatewayUrl"));

test("the gateway serves the page, its code and its style, and nothing of it from elsewhere", async () => {
  const response = await fetch(page);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
  const html = await response.text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = ""]) => file);
  const own = files.filter((file) => !file.startsWith("data:"));
  expect(own).toHaveLength(2);
  for (const file of own) {
    expect(file).toMatch(/^\.\/assets\//);
    const asset = await fetch(new URL(file, page));
    expect(asset.status).toBe(200);
    expect(asset.headers.get("cache-control")).toContain("immutable");
  }
});
