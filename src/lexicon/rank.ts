export interface NeighborFilter {
  /** Single words, or phrases of several. @default both */
  kind?: "WORD" | "PHRASE";
  /** Only entries that begin with this, compared exactly. */
  prefix?: string;
  /** Entries to leave out, compared exactly. */
  exclude?: readonly string[];
  /** Least cosine, -1 to 1. */
  minSimilarity?: number;
}

export interface RankedQuery {
  /** [D], unit length. */
  vector: Float32Array;
  /** Best entries to return after the first `offset`. */
  k: number;
  offset: number;
  filter: NeighborFilter;
}

/** More than any error of a float32 product of unit vectors. */
const SCORE_ERROR = 1e-5;
/** Candidates beyond the wanted ones: as many near-ties may be out of order in float32. */
const MARGIN = 32;

/**
 * The best entries for one query. Equal scores stand in the lexicon's order.
 *
 * The last bits of a float32 product depend on the batch that it was computed in. With `exact` the candidates are
 * scored again, so that two pages of one query can neither repeat nor lose an entry.
 * @param scores [N] in float32
 * @param exact score of an entry in double precision
 * @returns up to `offset + k + 1` entries less the first `offset`: the one beyond k tells that there are more.
 */
export function rank(
  scores: Float32Array,
  { k, offset, filter }: Omit<RankedQuery, "vector">,
  entries: readonly string[],
  exact: (index: number) => number = (index) => scores[index] as number,
): { indices: Int32Array; similarities: Float32Array } {
  const wanted = offset + k + 1;
  const { minSimilarity = -Infinity } = filter;
  const best = selectBest(scores, wanted + MARGIN, createAccept(filter, entries))
    .map((index) => ({ index, score: exact(index) }))
    .filter(({ score }) => score >= minSimilarity)
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(offset, wanted);
  return {
    indices: Int32Array.from(best, ({ index }) => index),
    similarities: Float32Array.from(best, ({ score }) => score),
  };
}

/** Keeps the best in a heap whose root is the worst kept: one comparison for almost every entry. */
function selectBest(
  scores: Float32Array,
  wanted: number,
  accept: (index: number, score: number) => boolean,
): number[] {
  const worse = (a: number, b: number): boolean => {
    const difference = (scores[a] as number) - (scores[b] as number);
    return difference < 0 || (difference === 0 && a > b);
  };
  const heap: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const full = heap.length >= wanted;
    if (full && !worse(heap[0] as number, i)) continue;
    if (!accept(i, scores[i] as number)) continue;
    if (full) sink(heap, i, worse);
    else rise(heap, i, worse);
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
}

function rise(heap: number[], value: number, worse: (a: number, b: number) => boolean): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!worse(value, heap[parent] as number)) break;
    heap[at] = heap[parent] as number;
    at = parent;
  }
  heap[at] = value;
}

function sink(heap: number[], value: number, worse: (a: number, b: number) => boolean): void {
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && worse(heap[child + 1] as number, heap[child] as number)) child += 1;
    if (!worse(heap[child] as number, value)) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = value;
}

function createAccept(
  filter: NeighborFilter,
  entries: readonly string[],
): (index: number, score: number) => boolean {
  const { kind, prefix, minSimilarity = -Infinity } = filter;
  const excluded = new Set(filter.exclude);
  return (index, score) => {
    const entry = entries[index] as string;
    return (
      score >= minSimilarity - SCORE_ERROR &&
      (kind === undefined || (kind === "PHRASE") === entry.includes(" ")) &&
      (prefix === undefined || entry.startsWith(prefix)) &&
      !excluded.has(entry)
    );
  };
}
