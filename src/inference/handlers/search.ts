import { rank } from "../../lexicon/rank.js";
import { dot } from "../../vectors.js";
import type { OpenGraph } from "../graph.js";
import type { SearchReply, SearchRequest, SearchSettings } from "../protocol.js";
import { createProduct } from "./product.js";

/** Unit vectors -> the lexicon's nearest entries, exact. */
export async function createSearchHandler(settings: SearchSettings, openGraph: OpenGraph) {
  const { threads, entries, rows, scales } = settings;
  const count = entries.length;
  const dimension = rows.length / count;
  const product = await createProduct(
    normalizedColumns(rows, scales, dimension),
    dimension,
    threads,
    openGraph,
  );
  return async ({ queries }: SearchRequest): Promise<SearchReply> => {
    const flat = new Float32Array(queries.length * dimension);
    queries.forEach((query, i) => flat.set(query.vector, i * dimension));
    const scores = await product.multiply(flat);
    const results = queries.map((query, i) => {
      const exact = (index: number): number =>
        exactCosine(query.vector, rows.subarray(index * dimension, (index + 1) * dimension));
      return rank(scores.subarray(i * count, (i + 1) * count), query, entries, exact);
    });
    return { results };
  };
}

/** In double precision, -1 to 1. @param query length 1 but for rounding @param row at any scale */
function exactCosine(query: Float32Array, row: Int8Array): number {
  const norm = Math.sqrt(dot(row, row));
  return norm === 0 ? 0 : Math.max(-1, Math.min(1, dot(query, row) / norm));
}

/** The unit vectors as columns [D, N]. */
function normalizedColumns(rows: Int8Array, scales: Float32Array, dimension: number): Float32Array {
  const count = scales.length;
  const columns = new Float32Array(rows.length);
  for (let i = 0; i < count; i++) {
    let squares = 0;
    for (let d = 0; d < dimension; d++) squares += (rows[i * dimension + d] as number) ** 2;
    // A row's scale is the same for all of its cells, so it cancels.
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let d = 0; d < dimension; d++) columns[d * count + i] = (rows[i * dimension + d] as number) * factor;
  }
  return columns;
}
