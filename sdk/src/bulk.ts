import { aborted, untilAborted } from "./abort.js";
import { BadUserInputError, isGroundwireError, type GroundwireError } from "./errors.js";
import { toJson } from "./json.js";
import type { CallOptions } from "./options.js";
import type { RequestLimits } from "./plan.js";
import type { Settled } from "./settled.js";
import { createSource, type Placed } from "./source.js";

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
  /** Of the durable ones, in no order: texts longer than the model reads, whose vectors are of their beginnings. */
  truncated: ItemPlace[];
}

export interface ItemPlace {
  /** Place in the input, from 0. */
  index: number;
  id: string;
}

export interface FailedItem extends ItemPlace {
  error: GroundwireError;
}

export interface BulkPlan<Item extends { id: string }, Wire> {
  items: Iterable<Item> | AsyncIterable<Item>;
  /** What is sent of an item; may fail for this item alone. */
  prepare: (item: Item) => Wire | Promise<Wire>;
  send: (chunk: Wire[]) => Promise<Settled<{ truncated?: boolean }>[]>;
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
 * @throws GroundwireError where no chunk can succeed, e.g. COLLECTION_NOT_FOUND or FORBIDDEN, and where the caller's
 * signal is aborted; what was sent before stays.
 */
export async function sendInChunks<Item extends { id: string }, Wire>(
  plan: BulkPlan<Item, Wire>,
  { concurrency = 4, onProgress, signal }: BulkOptions,
): Promise<UpsertReport> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new BadUserInputError(`concurrency must be an integer of 1 or more, is ${concurrency}`);
  }
  const failed: FailedItem[] = [];
  const truncated: ItemPlace[] = [];
  let upserted = 0;
  const source = createSource(plan.items, Math.min(plan.limits.maxTexts, plan.maxItems));
  // Its reason is the first error that ends the upsert.
  const halt = new AbortController();
  const abort = (): void => halt.abort(aborted(signal as AbortSignal));

  async function work(): Promise<void> {
    while (!halt.signal.aborted) {
      const block = await untilAborted(source.take(), halt.signal);
      if (block.length === 0) return;
      const reportFailure = (failure: FailedItem): void => void failed.push(failure);
      for await (const chunk of prepareChunks(plan, block, halt.signal, reportFailure)) {
        await deliver(chunk);
        onProgress?.({ upserted, failed: failed.length });
      }
    }
  }

  async function deliver(chunk: Prepared<Wire>[]): Promise<void> {
    const results = await plan.send(chunk.map(({ wire }) => wire)).catch((error: GroundwireError) => {
      if (signal?.aborted || !PASSING.has(error.code)) throw error;
      return chunk.map(() => error);
    });
    chunk.forEach(({ index, id }, i) => {
      const result = results[i];
      if (isGroundwireError(result)) return void failed.push({ index, id, error: result });
      upserted++;
      if (result?.truncated) truncated.push({ index, id });
    });
  }

  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const workers = Array.from({ length: concurrency }, () => work().catch((error) => halt.abort(error)));
  await Promise.all(workers);
  signal?.removeEventListener("abort", abort);
  await source.close();
  halt.signal.throwIfAborted();
  return { upserted, failed: failed.sort((a, b) => a.index - b.index), truncated };
}

/** Prepares a block's items one by one, so that only what fits a request is in memory, and groups them to such. */
async function* prepareChunks<Item extends { id: string }, Wire>(
  { prepare, limits }: BulkPlan<Item, Wire>,
  block: readonly Placed<Item>[],
  halt: AbortSignal,
  reportFailure: (failure: FailedItem) => void,
): AsyncGenerator<Prepared<Wire>[]> {
  const room = limits.maxBodyBytes * SHARE_OF_BODY;
  let chunk: Prepared<Wire>[] = [];
  let bytes = 0;
  for (const { index, item } of block) {
    const prepared = await measured(prepare, item).catch((error: unknown) => {
      if (!isGroundwireError(error)) throw error;
      reportFailure({ index, id: item.id, error });
    });
    if (halt.aborted) return;
    if (prepared === undefined) continue;
    const { wire, size } = prepared;
    if (chunk.length > 0 && bytes + size > room) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push({ index, id: item.id, wire });
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

async function measured<Item, Wire>(
  prepare: (item: Item) => Wire | Promise<Wire>,
  item: Item,
): Promise<{ wire: Wire; size: number }> {
  const wire = await prepare(item);
  return { wire, size: toJson(wire).length };
}
