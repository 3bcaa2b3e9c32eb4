import type { Bundle } from "../bundle/bundle.js";
import { GroundwireError } from "../errors.js";
import type { SearchReply, SearchRequest } from "../inference/protocol.js";
import { createWorkerPool } from "../inference/worker-pool.js";
import { euclideanNorm, normalize } from "../vectors.js";
import type { NeighborFilter, RankedQuery } from "./rank.js";

export type { NeighborFilter } from "./rank.js";

export interface SearchQuery {
  /** [D], of any length but zero. */
  vector: Float32Array;
  /** Best entries to return, at least 1. */
  k: number;
  /** Best entries to pass over first. @default 0 */
  offset?: number;
  filter?: NeighborFilter;
}

export interface SearchHit {
  /** Position in the lexicon, 0 for the most frequent entry. */
  index: number;
  text: string;
  /** Cosine, -1 to 1. */
  similarity: number;
  /** From 1, counted over all pages. */
  rank: number;
}

export interface SearchResult {
  hits: SearchHit[];
  hasMore: boolean;
}

export interface LexiconSearch {
  readonly size: number;
  /** Position of an entry, or -1. */
  indexOf(text: string): number;
  /** Exact cosine search; all queries of a call are one matrix product. */
  search(queries: readonly SearchQuery[]): Promise<SearchResult[]>;
  stats(): { batches: number; queries: number };
  close(): Promise<void>;
}

export interface LexiconSearchOptions {
  /** Threads of the matrix product. */
  threads: number;
  /** Told of every batch's duration in milliseconds. */
  observe?: (stage: "search", ms: number) => void;
}

/** Queries in one product: more would hold the worker for too long. */
const MAX_QUERIES = 64;

export async function createLexiconSearch(
  bundle: Bundle,
  options: LexiconSearchOptions,
): Promise<LexiconSearch> {
  const { entries, rows, scales } = bundle.lexicon;
  const positions = new Map(entries.map((entry, index) => [entry, index]));
  const settings = { kind: "search", threads: options.threads, entries, rows, scales } as const;
  const pool = await createWorkerPool<SearchRequest, SearchReply>(settings, 1);
  const counts = { batches: 0, queries: 0 };

  async function search(queries: readonly SearchQuery[]): Promise<SearchResult[]> {
    const ranked = queries.map(toRankedQuery);
    const results: SearchResult[] = [];
    for (let start = 0; start < ranked.length; start += MAX_QUERIES) {
      results.push(...(await searchBatch(ranked.slice(start, start + MAX_QUERIES))));
    }
    return results;
  }

  async function searchBatch(queries: RankedQuery[]): Promise<SearchResult[]> {
    const started = performance.now();
    counts.batches += 1;
    counts.queries += queries.length;
    const { results } = await pool.run({ queries });
    options.observe?.("search", performance.now() - started);
    return results.map(({ indices, similarities }, i) => {
      const { k, offset } = queries[i] as RankedQuery;
      const hits = Array.from(indices.subarray(0, k), (index, place) => ({
        index,
        text: entries[index] as string,
        similarity: similarities[place] as number,
        rank: offset + place + 1,
      }));
      return { hits, hasMore: indices.length > k };
    });
  }

  return {
    size: entries.length,
    indexOf: (text) => positions.get(text) ?? -1,
    search,
    stats: () => ({ ...counts }),
    close: pool.close,
  };
}

function toRankedQuery({ vector, k, offset = 0, filter = {} }: SearchQuery): RankedQuery {
  if (euclideanNorm(vector) === 0)
    throw new GroundwireError("BAD_USER_INPUT", "vector must not be zero: it points nowhere");
  return { vector: normalize(vector), k, offset, filter };
}
