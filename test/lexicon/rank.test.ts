import fc from "fast-check";
import { expect, test } from "vitest";
import { rank, type NeighborFilter } from "../../src/lexicon/rank.js";

const ENTRIES = ["dog", "cat", "red wine", "doghouse", "wine", "dog park", "zebra", "cat food"];

function ranked(scores: number[], query: { k: number; offset?: number; filter?: NeighborFilter }): string[] {
  const { k, offset = 0, filter = {} } = query;
  const { indices } = rank({ scores: Float32Array.from(scores) }, { k, offset, filter }, ENTRIES);
  // One more than was asked for tells of more.
  return Array.from(indices.subarray(0, k), (index) => ENTRIES[index] as string);
}

test("any ranking is what sorting everything gives, with ties in the lexicon's order", () => {
  const scores = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 8, maxLength: 8 });
  const page = fc.record({ k: fc.integer({ min: 1, max: 9 }), offset: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(scores, page, (values, { k, offset }) => {
      const sorted = values
        .map((value, index) => ({ value, index }))
        .sort((a, b) => b.value - a.value || a.index - b.index);
      const expected = sorted.slice(offset, offset + k).map(({ index }) => ENTRIES[index]);
      expect(ranked(values, { k, offset })).toEqual(expected);
    }),
    { seed: 7, numRuns: 500 },
  );
});

const SAME = ENTRIES.map(() => 0.5);

test("words and phrases are told apart", () => {
  expect(ranked(SAME, { k: 8, filter: { kind: "WORD" } })).toEqual([
    "dog",
    "cat",
    "doghouse",
    "wine",
    "zebra",
  ]);
  expect(ranked(SAME, { k: 8, filter: { kind: "PHRASE" } })).toEqual(["red wine", "dog park", "cat food"]);
});

test("prefix, excluded entries and a least similarity hold together", () => {
  expect(ranked(SAME, { k: 8, filter: { prefix: "dog", exclude: ["dog"] } })).toEqual([
    "doghouse",
    "dog park",
  ]);
  expect(ranked([0.9, 0.1, 0.5, 0.5, 0, 0, 0, 0], { k: 8, filter: { minSimilarity: 0.5 } })).toEqual([
    "dog",
    "red wine",
    "doghouse",
  ]);
});

test("entries that rounding put in the wrong order, or out of the best, are put right", () => {
  const exact = [0.2, 0.3, 0.1, 0, 0, 0, 0, 0.25];
  // In units of a tenth, each up to .06 off.
  const scores = Float32Array.from([2.5, 2.5, 1.5, 0, 0, 0, 0, 1.9]);
  const rounding = { unit: 0.1, error: 0.06, exact: (index: number) => exact[index] as number };
  const { indices, similarities } = rank({ scores }, { k: 1, offset: 0, filter: {} }, ENTRIES, rounding);
  expect([...indices]).toEqual([1, 7]);
  expect([...similarities]).toEqual([0.3, 0.25].map(Math.fround));
});

test("whatever rounding does within its error, the ranking is that of exact scores", () => {
  const score = fc.double({ min: -1, max: 1, noNaN: true });
  const scores = fc.array(fc.tuple(score, score), { minLength: 8, maxLength: 8 });
  const error = 0.25;
  fc.assert(
    fc.property(scores, fc.integer({ min: 1, max: 7 }), score, (values, k, minSimilarity) => {
      const exact = values.map(([value]) => value);
      const rounded = Float32Array.from(values, ([value, off]) => (value + off * 0.99 * error) / 0.01);
      const rounding = { unit: 0.01, error, exact: (index: number) => exact[index] as number };
      const query = { k, offset: 0, filter: { minSimilarity } };
      const { indices } = rank({ scores: rounded }, query, ENTRIES, rounding);
      const sorted = [...exact.keys()]
        .filter((index) => (exact[index] as number) >= minSimilarity)
        .sort((a, b) => (exact[b] as number) - (exact[a] as number) || a - b);
      expect([...indices]).toEqual(sorted.slice(0, k + 1));
    }),
    { seed: 7, numRuns: 500 },
  );
});
