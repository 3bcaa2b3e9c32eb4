import { rank, type BlockedScores } from "../../lexicon/rank.js";
import type { OpenGraph } from "../graph.js";
import type { SearchReply, SearchRequest, SearchSettings } from "../protocol.js";
import { createIntegerProduct, quantize } from "./integer-product.js";

/** What float32 adds to the error of a score of length 1. */
const ROUNDING = 1e-5;

/** Unit vectors -> the lexicon's nearest entries, exact: rounded queries find the candidates, which are scored again. */
export async function createSearchHandler(settings: SearchSettings, openGraph: OpenGraph) {
  const { threads, entries, rows } = settings;
  const count = entries.length;
  const dimension = rows.length / count;
  // A row's scale is the same for all of its cells, so it cancels.
  const norms = Float64Array.from({ length: count }, (_, i) => rowNorm(rows, i * dimension, dimension));
  const inverse = Float32Array.from(norms, (norm) => (norm === 0 ? 0 : 1 / norm));
  const product = await createIntegerProduct(rows, inverse, threads, openGraph);

  /** In double precision, -1 to 1. */
  function cosine(query: Float32Array, index: number): number {
    const norm = norms[index] as number;
    if (norm === 0) return 0;
    return Math.max(-1, Math.min(1, dotRow(query, rows, index * dimension) / norm));
  }

  return async ({ queries }: SearchRequest): Promise<SearchReply> => {
    const bytes = new Uint8Array(queries.length * dimension);
    const rounded = queries.map(({ vector }, i) => quantize(vector, bytes.subarray(i * dimension)));
    const products = await product.multiply(bytes);
    const results = queries.map((query, i) => {
      const { step, error } = rounded[i] as (typeof rounded)[number];
      const exact = (index: number): number => cosine(query.vector, index);
      const rounding = { unit: step, error: error + ROUNDING, exact };
      return rank(products[i] as BlockedScores, query, entries, rounding);
    });
    return { results };
  };
}

function rowNorm(rows: Int8Array, start: number, dimension: number): number {
  let squares = 0;
  for (let i = start; i < start + dimension; i++) squares += (rows[i] as number) ** 2;
  return Math.sqrt(squares);
}

/** Two sums side by side: one would wait for each of its additions. */
function dotRow(query: Float32Array, rows: Int8Array, start: number): number {
  const { length } = query;
  let even = 0;
  let odd = 0;
  for (let i = 1; i < length; i += 2) {
    even += (query[i - 1] as number) * (rows[start + i - 1] as number);
    odd += (query[i] as number) * (rows[start + i] as number);
  }
  if (length % 2 === 1) even += (query[length - 1] as number) * (rows[start + length - 1] as number);
  return even + odd;
}
