import { existsSync, readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { loadBundle, type Bundle } from "../../src/bundle/bundle.js";
import {
  checkText,
  createKeys,
  createTokenizer,
  MAX_TEXT_LENGTH,
  type TextTokenizer,
} from "../../src/inference/tokenizer.js";
import { shippedBundle } from "../helpers/bundle.js";

let bundle: Bundle;
let tokenize: TextTokenizer;
let keyOf: (text: string) => string;
beforeAll(async () => {
  bundle = await loadBundle(shippedBundle);
  tokenize = createTokenizer(bundle.tokenizer, bundle.manifest.maxTokens);
  keyOf = createKeys(bundle.tokenizer);
});

// Written by training's seeded script; `npm test` sets it wherever there is a Python.
const parityFile = process.env.GROUNDWIRE_PARITY_FILE;

test.runIf(parityFile)("20,000 random Unicode texts get the ids of the Python library", () => {
  if (!parityFile || !existsSync(parityFile)) throw new Error(`${parityFile} is missing`);
  const whole = createTokenizer(bundle.tokenizer, Number.MAX_SAFE_INTEGER);
  const lines = readFileSync(parityFile, "utf8").trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(20_000);
  for (const line of lines) {
    const { text, ids } = JSON.parse(line) as { text: string; ids: number[] };
    expect(whole(text).ids, JSON.stringify(text)).toEqual(ids);
  }
});

test("every golden text gets its golden ids, count and cut", () => {
  for (const { text, ids, tokenCount, truncated } of bundle.golden.items) {
    expect(tokenize(text), JSON.stringify(text)).toEqual({ ids, tokenCount, truncated });
  }
});

test("the golden texts hold one of exactly maxTokens and one of one token more", () => {
  const { maxTokens } = bundle.manifest;
  const counts = bundle.golden.items.map(({ tokenCount }) => tokenCount);
  expect(counts).toContain(maxTokens);
  expect(counts).toContain(maxTokens + 1);
});

test("a text put together from its words has the ids that the library gives the whole", () => {
  const whole = new (
    Tokenizer as unknown as new (
      definition: object,
      config: object,
    ) => {
      encode(text: string): { ids: number[] };
    }
  )(bundle.tokenizer, {});
  const letters = fc.constantFrom(..."abcXYZ019  '.-,!?$()_/\\");
  const texts = fc.oneof(
    fc.string({ unit: letters, maxLength: 60 }),
    fc.string({ maxLength: 60 }),
    fc.constantFrom("a".repeat(101), "don't", "  two  words  ", "unaffable-ness", "UNK [MASK] x"),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(tokenize(text).ids).toEqual(whole.encode(text).ids);
    }),
    { numRuns: 3000 },
  );
});

test("a long text is cut to maxTokens, ends as the whole does, and says so", () => {
  const { maxTokens } = bundle.manifest;
  const long = tokenize("horse ".repeat(300));
  const short = tokenize("horse");
  expect(long).toMatchObject({ tokenCount: 302, truncated: true });
  expect(long.ids).toHaveLength(maxTokens);
  expect(long.ids.at(-1)).toBe(short.ids.at(-1));
});

test("texts of equal keys have equal ids", () => {
  const letters = fc.constantFrom(..."aAbB  \t\n[]{}.-'éÉİΣς[MASK]");
  const texts = fc.string({ unit: letters, maxLength: 12 });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      for (const [x, y] of [
        [a, b],
        [a, a.toLowerCase()],
        [a, `  ${a} `],
      ] as const) {
        if (keyOf(x) === keyOf(y)) expect(tokenize(x)).toEqual(tokenize(y));
      }
    }),
    { numRuns: 2000, seed: 7 },
  );
});

test("spelling that the model cannot see shares a key; special tokens do not", () => {
  expect(keyOf("  Striped   HORSE ")).toBe(keyOf("striped horse"));
  expect(keyOf("[MASK]")).not.toBe(keyOf("[mask]"));
});

test("a key stays short, and differs between long texts", () => {
  const long = "zebra ".repeat(2000);
  expect(keyOf(long).length).toBeLessThan(300);
  expect(keyOf(long)).not.toBe(keyOf(`${long}!`));
});

test.each([
  ["", 'texts[0] must not be empty, is ""'],
  [" \n\t", 'texts[0] must not be empty, is " \\n\\t"'],
  ["a\uD800b", "texts[0] must be well-formed Unicode, has a lone surrogate at index 1"],
  ["\uDC00", "texts[0] must be well-formed Unicode, has a lone surrogate at index 0"],
  ["x".repeat(MAX_TEXT_LENGTH + 1), "texts[0] must have at most 16384 characters, has 16385"],
  [7, "texts[0] must be a string, is number"],
  [null, "texts[0] must be a string, is null"],
])("the text %j is refused by name and rule", (text, message) => {
  expect(() => checkText(text, "texts[0]")).toThrow(message);
});

test.each(["😀", "👩‍👩‍👧‍👦", "สวัสดี", "x".repeat(MAX_TEXT_LENGTH)])("the text %j passes", (text) => {
  expect(() => checkText(text, "text")).not.toThrow();
});
