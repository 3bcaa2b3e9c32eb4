import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, inject, test } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
const ask = `createClient({ url: process.argv[1], timeoutMs: 110_000 }).embed("zebra").then(({ text, vector }) =>
  console.log(text, vector instanceof Float32Array, vector.length > 0));`;

test.each([
  ["an ES module", "module", `import { createClient } from "@groundwire/client"; ${ask}`],
  ["a CommonJS module", "commonjs", `const { createClient } = require("@groundwire/client"); ${ask}`],
])("the built package answers from %s", async (_, type, code) => {
  const args = [`--input-type=${type}`, "--eval", code, inject("gatewayUrl")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  expect(stdout.trim()).toBe("zebra true true");
});
