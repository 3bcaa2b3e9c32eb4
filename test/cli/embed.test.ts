import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

function embed(input: string, environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout } = spawnSync(process.execPath, [MAIN, "embed"], { encoding: "utf8", env, input });
  const records = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { id?: number; text: string; error?: object });
  return { status, records };
}

test("no text is refused by a queue that is shorter than the input", () => {
  const texts = Array.from({ length: 12 }, (_, i) => `text of number ${i}`);
  const { status, records } = embed(texts.join("\n"), { GROUNDWIRE_MAX_QUEUE: "5" });
  expect(records.map(({ text, error }) => ({ text, error }))).toEqual(
    texts.map((text) => ({ text, error: undefined })),
  );
  expect(status).toBe(0);
});

test("a JSON record is one text, whatever ends of lines but \\n stand in it", () => {
  // A carriage return is white space between JSON's parts; the others may stand in its strings.
  const { status, records } = embed(
    '{"id": 1,\r"text": "red\u2028wine\u2029glass"}\r\n{"id": 2, "text": "zebra"}',
  );
  expect(records.map(({ id, text }) => [id, text])).toEqual([
    [1, "red\u2028wine\u2029glass"],
    [2, "zebra"],
  ]);
  expect(status).toBe(0);
});

test("the mark that may begin a file does not make a JSON record a text", () => {
  const { records } = embed('\uFEFF{"id": 1, "text": "zebra"}\n');
  expect(records.map(({ id, text }) => [id, text])).toEqual([[1, "zebra"]]);
});
