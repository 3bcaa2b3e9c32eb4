import { BadUserInputError, isGroundwireError, type GroundwireError } from "./errors.js";
import type { CallOptions } from "./options.js";
import type { RequestLimits } from "./plan.js";
import type { Settled } from "./settled.js";
import { aborted } from "./transport.js";

export interface BulkOptions extends CallOptions {
  /** Chunks in flight at once, 1 or more; the client's `maxConcurrency` bounds their requests too. @default 4 */
  concurrency?: number;
  /** Told after each chunk. */
  onProgress?: (progress: BulkProgress) => void;
}

/** Items so far. */
export interface BulkProgress {
  upserted: number;
  failed: number;
}

export interface UpsertReport {
  /** Items that are durable. */
  upserted: number;
  /** Items that are not known to be, in the order of the input. Upserting them again does no harm. */
  failed: FailedItem[];
}

export interface FailedItem {
  /** Place in the input, from 0. */
  index: number;
  id: string;
  error: GroundwireError;
}

export interface BulkPlan<Item extends { id: string }, Wire> {
  items: Iterable<Item> | AsyncIterable<Item>;
  /** What is sent of an item; may fail for this item alone. */
  prepare: (item: Item) => Wire | Promise<Wire>;
  send: (chunk: Wire[]) => Promise<Settled<unknown>[]>;
  limits: RequestLimits;
  /** Larger chunks would tell of progress, and lose to a broken connection, in larger steps. */
  maxItems: number;
}

interface Prepared<Wire> {
  index: number;
  id: string;
  wire: Wire;
}

/** Failures that may spare the next chunk; any other would meet it just the same. */
const PASSING = new Set(["NETWORK", "TIMEOUT", "OVERLOADED", "RATE_LIMITED", "INTERNAL"]);
/** The rest of a body is for the document and for what JSON escapes. */
const SHARE_OF_BODY = 0.75;

/**
 * Sends any number of items in chunks that fit the server's limits.
 * @throws GroundwireError where no chunk can succeed, e.g. COLLECTION_NOT_FOUND or FORBIDDEN; what was sent before stays.
 */
export async function sendInChunks<Item extends { id: string }, Wire>(
  plan: BulkPlan<Item, Wire>,
  { concurrency = 4, onProgress, signal }: BulkOptions,
): Promise<UpsertReport> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new BadUserInputError(`concurrency must be an integer of 1 or more, is ${concurrency}`);
  }
  const failed: FailedItem[] = [];
  let upserted = 0;
  let stopped = false;
  const source = createSource(plan.items, Math.min(plan.limits.maxTexts, plan.maxItems));

  async function work(): Promise<void> {
    for (let block = await source.take(); block.length > 0 && !stopped; block = await source.take()) {
      for await (const chunk of prepareChunks(plan, block, (failure) => failed.push(failure))) {
        if (signal?.aborted) throw aborted(signal);
        if (stopped) return;
        await deliver(chunk);
        onProgress?.({ upserted, failed: failed.length });
      }
    }
  }

  async function deliver(chunk: Prepared<Wire>[]): Promise<void> {
    const results = await plan.send(chunk.map(({ wire }) => wire)).catch((error: GroundwireError) => {
      if (!PASSING.has(error.code)) throw error;
      return chunk.map(() => error);
    });
    chunk.forEach(({ index, id }, i) => {
      const result = results[i];
      if (isGroundwireError(result)) failed.push({ index, id, error: result });
      else upserted++;
    });
  }

  const workers = Array.from({ length: concurrency }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stopped = true;
    await Promise.allSettled(workers);
    throw error;
  } finally {
    await source.close();
  }
  return { upserted, failed: failed.sort((a, b) => a.index - b.index) };
}

interface Placed<Item> {
  index: number;
  item: Item;
}

interface Source<Item> {
  /** The next items with their places; none after the last one. */
  take: () => Promise<Placed<Item>[]>;
  close: () => Promise<void>;
}

/** One block after the other, whoever asks: not every async iterator bears two questions at once. */
function createSource<Item>(items: Iterable<Item> | AsyncIterable<Item>, blockSize: number): Source<Item> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let last: Promise<unknown> = Promise.resolve();
  let index = 0;
  async function pull(): Promise<Placed<Item>[]> {
    const block: Placed<Item>[] = [];
    while (block.length < blockSize) {
      const step = await iterator.next();
      if (step.done) break;
      block.push({ index: index++, item: step.value });
    }
    return block;
  }
  return {
    take() {
      const mine = last.then(pull);
      last = mine.catch(() => undefined);
      return mine;
    },
    async close() {
      await iterator.return?.();
    },
  };
}

/** Prepares a block's items one by one, so that only what fits a request is in memory, and groups them to such. */
async function* prepareChunks<Item extends { id: string }, Wire>(
  { prepare, limits }: BulkPlan<Item, Wire>,
  block: readonly Placed<Item>[],
  reportFailure: (failure: FailedItem) => void,
): AsyncGenerator<Prepared<Wire>[]> {
  const room = limits.maxBodyBytes * SHARE_OF_BODY;
  let chunk: Prepared<Wire>[] = [];
  let bytes = 0;
  for (const { index, item } of block) {
    const wire = await Promise.resolve(prepare(item)).catch((error: unknown) => {
      if (!isGroundwireError(error) || error.code === "ABORTED") throw error;
      reportFailure({ index, id: item.id, error });
    });
    if (wire === undefined) continue;
    const size = JSON.stringify(wire).length;
    if (chunk.length > 0 && bytes + size > room) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push({ index, id: item.id, wire });
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}
