import { expect, test } from "vitest";
import { takeNearest, type Ranked } from "../../src/collections/nearest.js";

/** As a store that cuts by similarity alone, and leaves out the first ids of those that are equal. */
function createReader(items: readonly Ranked[]) {
  const calls: string[] = [];
  const best = (limit: number, lastId = "~"): Ranked[] =>
    items
      .filter(({ id }) => id <= lastId)
      .sort((a, b) => b.similarity - a.similarity || (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  return {
    calls,
    hits: (limit: number, lastId?: string) => {
      calls.push("hits");
      return Promise.resolve(best(limit, lastId));
    },
    ranks: (limit: number) => {
      calls.push("ranks");
      return Promise.resolve(best(limit));
    },
  };
}

function make(similarities: readonly number[]): Ranked[] {
  return similarities.map((similarity, i) => ({ id: `id${String(i).padStart(3, "0")}`, similarity }));
}

const CASES: [name: string, similarities: number[]][] = [
  ["all equal", Array.from({ length: 60 }, () => 0.5)],
  ["none equal", Array.from({ length: 60 }, (_, i) => i / 100)],
  ["groups of seven", Array.from({ length: 60 }, (_, i) => Math.floor(((i * 37) % 60) / 7) / 10)],
  ["a few above many", Array.from({ length: 60 }, (_, i) => (i % 9 === 0 ? 0.9 : 0.1))],
];

test.each(CASES)("every limit takes the beginning of one order: %s", async (_name, similarities) => {
  const items = make(similarities);
  const sorted = items.toSorted((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1));
  for (let limit = 1; limit <= items.length + 2; limit++)
    expect(await takeNearest(limit, createReader(items))).toEqual(sorted.slice(0, limit));
});

test("one query is enough where the limit does not fall among equal ones", async () => {
  const reader = createReader(make([0.9, 0.9, 0.5, 0.5]));
  await takeNearest(2, reader);
  await takeNearest(4, reader);
  await takeNearest(9, reader);
  expect(reader.calls).toEqual(["hits", "hits", "hits"]);
});

test("nothing is nearest among nothing", async () => {
  expect(await takeNearest(3, createReader([]))).toEqual([]);
});
