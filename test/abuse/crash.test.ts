import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("./crash.mjs", import.meta.url));

test("what a collection acknowledged is there, once, after its process was killed at random moments", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, "--items", "400", "--kills", "3"]);
  expect(JSON.parse(stdout)).toEqual({
    items: 400,
    kills: 3,
    opened: 4,
    missing: 0,
    duplicates: 0,
    acknowledged: 400,
    stored: 400,
  });
}, 120_000);
