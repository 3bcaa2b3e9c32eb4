import { describe, expect, test } from "vitest";
import { createHeatMap } from "../../src/grounding/heat-map.js";
import { groundText } from "../../src/grounding/ground-text.js";
import { findWords } from "../../src/grounding/words.js";
import { createTokenizer } from "../../src/inference/tokenizer.js";
import { loadBundle, resolveBundleDirectory } from "../../src/bundle/bundle.js";

const bundle = await loadBundle(resolveBundleDirectory());
const tokenize = createTokenizer(bundle.tokenizer, bundle.manifest.maxTokens);

describe("findWords", () => {
  const wordsOf = (text: string) => {
    const { ids } = tokenize(text);
    const words = findWords(text, tokenize, ids.length);
    return words.map(({ text, first, end }) => ({ text, ids: ids.slice(first, end) }));
  };

  test("each word has the tokens that it has alone", () => {
    for (const text of ["A dog, on the grass!", "two zebras' don't-know stripes", "é 狗 naïve 3.5 m"]) {
      for (const { text: word, ids } of wordsOf(text)) expect(ids).toEqual(tokenize(word).ids.slice(1, -1));
    }
  });

  test("punctuation is no word, and moves the words behind it", () => {
    expect(wordsOf("dog, (cat)!").map(({ text }) => text)).toEqual(["dog", "cat"]);
  });

  test("what the tokenizer keeps together stays one word", () => {
    expect(wordsOf("a brand™x")).toHaveLength(2);
  });

  test("words beyond what the model saw are left out", () => {
    expect(findWords("one two three", tokenize, 4).map(({ text }) => text)).toEqual(["one", "two"]);
  });
});

describe("createHeatMap", () => {
  test("values run from 0 to 1 and the score is the largest raw value", () => {
    const map = createHeatMap(Float32Array.from([-2, 0, 6, 2]), 2);
    expect([...map.values]).toEqual([0, 0.25, 1, 0.5]);
    expect(map.score).toBe(6);
  });

  test("the box holds what hangs together with the best position, and no more", () => {
    const rows = [9, 8, 0, 0, 7, 1, 0, 6, 0, 0, 0, 8, 0, 0, 0, 0];
    expect(createHeatMap(Float32Array.from(rows), 4).box).toEqual({ x: 0, y: 0, width: 0.5, height: 0.5 });
  });

  test("the box leaves out what is less than three quarters as similar", () => {
    const rows = [8, 6, 5.9, 0];
    expect(createHeatMap(Float32Array.from(rows), 2).box).toEqual({ x: 0, y: 0, width: 1, height: 0.5 });
  });

  test("the box does not wrap around the picture's edge", () => {
    const rows = [0, 0, 9, 9, 0, 0, 0, 0, 0];
    expect(createHeatMap(Float32Array.from(rows), 3).box).toEqual({
      x: 2 / 3,
      y: 0,
      width: 1 / 3,
      height: 1 / 3,
    });
  });

  test("a word that fits everywhere alike has a flat map", () => {
    expect([...createHeatMap(new Float32Array(4).fill(3), 2).values]).toEqual([0, 0, 0, 0]);
  });
});

test("a text's score is the mean over its tokens of their best position, special tokens included", async () => {
  const similarity = Float32Array.from([1, 5, 2, 3, 7, 0, 4, 4, 0, 0, 0, -1]);
  const services = {
    encoder: { tokenize, dimension: 2 },
    relations: { ground: () => Promise.resolve({ similarity, grounded: [] }) },
  };
  const tokens = { vector: new Float32Array(6), norm: 0, tokenCount: 3, truncated: false };
  const found = await groundText("dog", new Float32Array(8), tokens, services);
  expect(found.score).toBeCloseTo((5 + 7 + 0) / 3, 6);
  expect(found.words.map(({ text, score }) => [text, score])).toEqual([["dog", 7]]);
});
