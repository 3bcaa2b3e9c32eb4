import { afterAll, beforeAll, expect, test } from "vitest";
import { loadBundle, type Bundle } from "../../src/bundle/bundle.js";
import { isGroundwireError, type GroundwireError } from "../../src/errors.js";
import { createLexiconSearch, type LexiconSearch, type SearchResult } from "../../src/lexicon/search.js";
import { dot } from "../../src/vectors.js";
import { shippedBundle } from "../helpers/bundle.js";

let bundle: Bundle;
let lexicon: LexiconSearch;
beforeAll(async () => {
  bundle = await loadBundle(shippedBundle);
  lexicon = await createLexiconSearch(bundle, { threads: 1, timeoutMs: 300_000 });
});
afterAll(() => lexicon.close());

function rowOf(index: number): Float32Array {
  const { dimension } = bundle.manifest;
  return Float32Array.from(bundle.lexicon.rows.subarray(index * dimension, (index + 1) * dimension));
}

function good(result: SearchResult | GroundwireError | undefined): SearchResult {
  if (!result || isGroundwireError(result)) throw result ?? new Error("no result");
  return result;
}

/** The slow, obvious twin. */
function bruteForce(vector: Float32Array, k: number): string[] {
  const norm = Math.sqrt(dot(vector, vector));
  return bundle.lexicon.entries
    .map((text, index) => {
      const row = rowOf(index);
      return { text, index, score: dot(vector, row) / Math.sqrt(dot(row, row)) / norm };
    })
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, k)
    .map(({ text }) => text);
}

test("a search gives what comparing with every entry gives", async () => {
  for (const index of [3, 1_000, 20_000]) {
    const [result] = await lexicon.search([{ vector: rowOf(index), k: 50 }]);
    expect(good(result).hits.map(({ text }) => text)).toEqual(bruteForce(rowOf(index), 50));
  }
});

test("an entry is nearest to itself, with a cosine of 1 and rank 1", async () => {
  const [result] = await lexicon.search([{ vector: rowOf(500), k: 1 }]);
  expect(good(result).hits[0]).toMatchObject({ index: 500, text: bundle.lexicon.entries[500], rank: 1 });
  expect(good(result).hits[0]?.similarity).toBeCloseTo(1, 5);
});

test("pages put together are the whole, in whatever batches they were computed", async () => {
  const vector = rowOf(42);
  const [whole] = await lexicon.search([{ vector, k: 300 }]);
  const pages = [];
  for (let offset = 0; offset < 300; offset += 30) {
    const others = Array.from({ length: offset / 30 }, (_, i) => ({ vector: rowOf(i), k: 5 }));
    const [page] = await lexicon.search([{ vector, k: 30, offset }, ...others]);
    pages.push(...good(page).hits);
  }
  expect(pages).toEqual(good(whole).hits);
});

test("the last page says that there is no more", async () => {
  const size = bundle.lexicon.entries.length;
  const [last, before] = await lexicon.search([
    { vector: rowOf(1), k: 10, offset: size - 10 },
    { vector: rowOf(1), k: 10, offset: size - 11 },
  ]);
  expect(good(last)).toMatchObject({ hasMore: false });
  expect(good(last).hits).toHaveLength(10);
  expect(good(before).hasMore).toBe(true);
});

test("a zero vector is an error in its own place", async () => {
  const zero = new Float32Array(bundle.manifest.dimension);
  const [bad, fine] = await lexicon.search([
    { vector: zero, k: 1 },
    { vector: rowOf(1), k: 1 },
  ]);
  expect(bad).toMatchObject({ code: "BAD_USER_INPUT" });
  expect(good(fine).hits).toHaveLength(1);
});

test("searches of several callers that wait at the same time share one product", async () => {
  const busy = lexicon.search([{ vector: rowOf(1), k: 1 }]);
  const before = lexicon.stats().batches;
  const waiting = Array.from({ length: 20 }, (_, i) => lexicon.search([{ vector: rowOf(i), k: 3 }]));
  await Promise.all([busy, ...waiting]);
  expect(lexicon.stats().batches - before).toBe(1);
});
