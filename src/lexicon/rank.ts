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

/** Entries that share a maximum. */
export const BLOCK = 64;

/** Scores [N] in float32. */
export interface BlockedScores {
  scores: Float32Array;
  /** The largest score of each BLOCK of entries, or more; the last block may be shorter. @default each score is looked at */
  maxima?: Float32Array;
}

/** How far scores that were computed fast may be off, and how to make up for it. */
export interface Rounding {
  /** What a score of 1 stands for. */
  unit: number;
  /** Most that a score times the unit may differ from the exact one. */
  error: number;
  /** Score of an entry in double precision. */
  exact: (index: number) => number;
}

/**
 * The best entries for one query. Equal scores stand in the lexicon's order.
 *
 * Every entry that could be among the best in spite of the rounding is scored again: the ranking is that of exact scores,
 * whatever batch a product was computed in, so that two pages of one query can neither repeat nor lose an entry.
 * @param rounding by default the scores are exact
 * @returns up to `offset + k + 1` entries less the first `offset`: the one beyond k tells that there are more.
 */
export function rank(
  blocked: BlockedScores,
  { k, offset, filter }: Omit<RankedQuery, "vector">,
  entries: readonly string[],
  { unit, error, exact }: Rounding = { unit: 1, error: 0, exact: (index) => blocked.scores[index] as number },
): { indices: Int32Array; similarities: Float32Array } {
  const wanted = offset + k + 1;
  const { minSimilarity = -Infinity } = filter;
  const least = (minSimilarity - error) / unit;
  // Both the wanted-th best and an entry may be off, in opposite directions.
  const best = selectCandidates(
    blocked,
    wanted,
    { least, slack: (2 * error) / unit },
    createAccept(filter, entries),
  )
    .map((index) => ({ index, score: exact(index) }))
    .filter(({ score }) => score >= minSimilarity)
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(offset, wanted);
  return {
    indices: Int32Array.from(best, ({ index }) => index),
    similarities: Float32Array.from(best, ({ score }) => score),
  };
}

/**
 * The accepted entries of at least `least` whose score is within `slack` of the wanted-th best or better. The best scores
 * stand in a heap whose root is the worst of them: one comparison for almost every entry.
 */
function selectCandidates(
  { scores, maxima }: BlockedScores,
  wanted: number,
  { least, slack }: { least: number; slack: number },
  accept: (index: number) => boolean,
): number[] {
  const heap: number[] = [];
  const candidates: number[] = [];
  let threshold = least;
  for (let block = 0; block * BLOCK < scores.length; block++) {
    if (maxima && (maxima[block] as number) < threshold) continue;
    const end = Math.min(scores.length, (block + 1) * BLOCK);
    for (let i = block * BLOCK; i < end; i++) {
      const score = scores[i] as number;
      if (score < threshold || !accept(i)) continue;
      candidates.push(i);
      if (heap.length < wanted) rise(heap, score);
      else if (score > (heap[0] as number)) sink(heap, score);
      if (heap.length === wanted) threshold = Math.max(least, (heap[0] as number) - slack);
    }
  }
  return candidates.filter((i) => (scores[i] as number) >= threshold);
}

function rise(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (value >= (heap[parent] as number)) break;
    heap[at] = heap[parent] as number;
    at = parent;
  }
  heap[at] = value;
}

/** Replaces the root. */
function sink(heap: number[], value: number): void {
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
    if ((heap[child] as number) >= value) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = value;
}

function createAccept(filter: NeighborFilter, entries: readonly string[]): (index: number) => boolean {
  const { kind, prefix } = filter;
  const excluded = new Set(filter.exclude);
  return (index) => {
    const entry = entries[index] as string;
    return (
      (kind === undefined || (kind === "PHRASE") === entry.includes(" ")) &&
      (prefix === undefined || entry.startsWith(prefix)) &&
      !excluded.has(entry)
    );
  };
}
