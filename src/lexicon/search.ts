import type { Bundle } from "../bundle/bundle.js";
import { GroundwireError, toGroundwireError } from "../errors.js";
import type { SearchReply, SearchRequest } from "../inference/protocol.js";
import { createDeadline } from "../inference/deadline.js";
import { createServiceRate } from "../inference/service-rate.js";
import { createWorkerPool } from "../inference/worker-pool.js";
import type { WorkerTrouble } from "../inference/worker-watch.js";
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
  /**
   * Exact cosine search. Queries that wait at the same time share a matrix product, whoever asked them.
   * @returns one result a query, in order; a bad query is an error in its own place. Never rejects.
   */
  search(
    queries: readonly SearchQuery[],
    options?: { signal?: AbortSignal },
  ): Promise<(SearchResult | GroundwireError)[]>;
  stats(): { batches: number; queries: number };
  close(): Promise<void>;
}

export interface LexiconSearchOptions {
  /** Threads of the matrix product. */
  threads: number;
  /** Milliseconds a call may take. */
  timeoutMs: number;
  /** Told of every batch's duration in milliseconds. */
  observe?: (stage: "search", ms: number) => void;
  /** Told of each worker that dies or cannot start. */
  onTrouble?: (trouble: WorkerTrouble) => void;
}

interface Waiting {
  query: RankedQuery;
  /** False once the caller has gone: the query is then dropped unanswered. */
  wanted: () => boolean;
  resolve: (result: SearchResult) => void;
  reject: (error: Error) => void;
}

/** Queries in one product: more would keep others waiting for too long. */
const MAX_QUERIES = 128;
/** Queries that may wait; each costs the worker about a millisecond. */
const MAX_WAITING = 8192;

export async function createLexiconSearch(
  bundle: Bundle,
  options: LexiconSearchOptions,
): Promise<LexiconSearch> {
  const { entries, rows, scales } = bundle.lexicon;
  const positions = new Map(entries.map((entry, index) => [entry, index]));
  const settings = { kind: "search", threads: options.threads, entries, rows, scales } as const;
  const pool = await createWorkerPool<SearchRequest, SearchReply>(settings, 1, {
    onTrouble: options.onTrouble,
  });
  const counts = { batches: 0, queries: 0 };
  const rate = createServiceRate();
  let queue: Waiting[] = [];
  let closed: GroundwireError | undefined;
  let turn: NodeJS.Immediate | undefined;
  pool.onIdle = pump;

  async function search(
    queries: readonly SearchQuery[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<(SearchResult | GroundwireError)[]> {
    const deadline = createDeadline(options.timeoutMs, signal);
    const caller = { gone: false };
    deadline.expired.catch(() => (caller.gone = true));
    const pending = queries.map((query) =>
      Promise.race([enqueue(query, caller), deadline.expired]).catch(toGroundwireError),
    );
    pumpSoon();
    try {
      return await Promise.all(pending);
    } finally {
      deadline.clear();
    }
  }

  async function enqueue(query: SearchQuery, caller: { gone: boolean }): Promise<SearchResult> {
    if (closed) throw closed;
    const ranked = toRankedQuery(query);
    if (queue.length >= MAX_WAITING) {
      const message = `the lexicon's queue holds its limit of ${MAX_WAITING} queries; try again later`;
      throw new GroundwireError("OVERLOADED", message, { retryAfterMs: rate.waitMs(queue.length) });
    }
    return new Promise((resolve, reject) => {
      queue.push({ query: ranked, wanted: () => !caller.gone, resolve, reject });
    });
  }

  /** What comes in one turn of the event loop shares a product: of the first alone, the others would wait. */
  function pumpSoon(): void {
    turn ??= setImmediate(() => {
      turn = undefined;
      pump();
    });
  }

  function pump(): void {
    while (queue.length > 0 && pool.idle > 0) {
      queue = queue.filter(({ wanted }) => wanted());
      const batch = queue.splice(0, MAX_QUERIES);
      if (batch.length > 0) void execute(batch);
    }
  }

  async function execute(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now();
    counts.batches += 1;
    counts.queries += batch.length;
    try {
      const { results } = await pool.run({ queries: batch.map(({ query }) => query) });
      rate.served(batch.length, started);
      options.observe?.("search", performance.now() - started);
      results.forEach((result, i) => batch[i]?.resolve(toResult(result, batch[i].query, entries)));
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
    }
  }

  return {
    size: entries.length,
    indexOf: (text) => positions.get(text) ?? -1,
    search,
    stats: () => ({ ...counts }),
    close: () => {
      closed = new GroundwireError("OVERLOADED", "the lexicon is closed");
      for (const { reject } of queue.splice(0)) reject(closed);
      return pool.close();
    },
  };
}

function toRankedQuery({ vector, k, offset = 0, filter = {} }: SearchQuery): RankedQuery {
  if (euclideanNorm(vector) === 0)
    throw new GroundwireError("BAD_USER_INPUT", "vector must not be zero: it points nowhere");
  return { vector: normalize(vector), k, offset, filter };
}

function toResult(
  { indices, similarities }: SearchReply["results"][number],
  { k, offset }: RankedQuery,
  entries: readonly string[],
): SearchResult {
  const hits = Array.from(indices.subarray(0, k), (index, place) => ({
    index,
    text: entries[index] as string,
    similarity: similarities[place] as number,
    rank: offset + place + 1,
  }));
  return { hits, hasMore: indices.length > k };
}
