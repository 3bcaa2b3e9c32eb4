import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readLines } from "../../src/collections/lines.js";

async function linesOf(content: string, size = content.length): Promise<string[]> {
  const bytes = Buffer.from(content);
  const chunks: Buffer[] = [];
  for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size));
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks))) lines.push(line);
  return lines;
}

test("lines end with a newline, with a carriage return before it or not", async () => {
  expect(await linesOf("a\r\nb\n\nc")).toEqual(["a", "b", "", "c"]);
});

test("the last line may end with a newline or not, and nothing is no line", async () => {
  expect(await linesOf("a\nb\n")).toEqual(["a", "b"]);
  expect(await linesOf("a\nb")).toEqual(["a", "b"]);
  expect(await linesOf("\n")).toEqual([""]);
  expect(await linesOf("")).toEqual([]);
});

test.each(["\u2028", "\u2029", "\r", "\u0085"])("no line ends at %j", async (sign) => {
  expect(await linesOf(`a${sign}b\nc`)).toEqual([`a${sign}b`, "c"]);
});

test("the mark at the start is no part of the first line", async () => {
  expect(await linesOf('\uFEFF{"text":"dog"}\n\uFEFFcat')).toEqual(['{"text":"dog"}', "\uFEFFcat"]);
});

test.each([1, 2, 3, 7])("chunks of %i bytes cut no letter and no end of a line", async (size) => {
  const content = "\uFEFFzebra 🦓\r\nétoile\n\nlast";
  expect(await linesOf(content, size)).toEqual(["zebra 🦓", "étoile", "", "last"]);
});

test("a line of many chunks takes time in proportion to its length", async () => {
  const chunks = Array.from({ length: 32_768 }, () => Buffer.alloc(1024, "a"));
  const started = performance.now();
  for await (const line of readLines(Readable.from(chunks))) expect(line).toHaveLength(32_768 * 1024);
  expect(performance.now() - started).toBeLessThan(10_000);
});
