import { GroundwireError } from "../errors.js";
import type { EncodeRequest, TextOutput } from "./protocol.js";

/** One distinct text that waits for the model; several callers may wait for it. */
export interface Entry {
  ids: number[];
  output: TextOutput;
  /** False once every caller has gone: the entry is then skipped. */
  wanted: () => boolean;
  enqueuedAt: number;
  resolve: (vector: Float32Array) => void;
  reject: (error: Error) => void;
}

export interface BatcherOptions {
  /** Most padded tokens in a batch: longest text x rows. A longer single text still goes, alone. */
  maxBatchTokens: number;
  /** Most texts that may wait. */
  maxQueue: number;
  /** How many batches may start now. */
  capacity: () => number;
  /** Runs [rows, length] padded ids (-1 is padding); answers [rows, D], or [rows, length, D] for tokens. */
  run: (batch: EncodeRequest) => Promise<Float32Array>;
  observe: (event: BatchEvent) => void;
}

export interface BatchEvent {
  rows: number;
  length: number;
  /** Milliseconds that each entry had waited. */
  queueMs: number[];
}

export interface Batcher {
  readonly queued: number;
  readonly running: number;
  /** @throws GroundwireError OVERLOADED where the queue is full. */
  add: (entry: Entry) => void;
  /** Starts as many batches as there is capacity for; nothing waits while a worker is idle. */
  pump: () => void;
}

/** Entries compared for similar lengths when a batch is formed. */
const WINDOW = 1024;
/** Rough time in which a full queue moves on; the hint given to refused callers. */
const RETRY_AFTER_MS = 250;

/** The process-wide queue in front of the model: bounded, and cut into batches of texts of similar length. */
export function createBatcher(options: BatcherOptions): Batcher {
  let queue: Entry[] = [];
  let running = 0;

  function add(entry: Entry): void {
    if (queue.length >= options.maxQueue) {
      const message = `the queue holds its limit of ${options.maxQueue} texts; try again later`;
      throw new GroundwireError("OVERLOADED", message, { retryAfterMs: RETRY_AFTER_MS });
    }
    queue.push(entry);
  }

  function pump(): void {
    while (queue.length > 0 && running < MAX_RUNNING && options.capacity() > 0) {
      queue = queue.filter((entry) => entry.wanted());
      const batch = formBatch(queue.slice(0, WINDOW), options.maxBatchTokens);
      if (batch.length === 0) return;
      const taken = new Set(batch);
      queue = queue.filter((entry) => !taken.has(entry));
      void execute(batch);
    }
  }

  async function execute(batch: Entry[]): Promise<void> {
    const length = Math.max(...batch.map((entry) => entry.ids.length));
    const now = performance.now();
    options.observe({ rows: batch.length, length, queueMs: batch.map((entry) => now - entry.enqueuedAt) });
    running += 1;
    try {
      const rows = batch.length;
      const { output } = batch[0] as Entry;
      const vectors = await options.run({ ids: pad(batch, length), rows, length, output });
      const stride = vectors.length / rows;
      batch.forEach((entry, row) => {
        // The padding's own tokens are nobody's.
        const size = output === "tokens" ? (stride / length) * entry.ids.length : stride;
        entry.resolve(vectors.slice(row * stride, row * stride + size));
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error as Error);
    } finally {
      running -= 1;
      pump();
    }
  }

  return {
    get queued() {
      return queue.length;
    },
    get running() {
      return running;
    },
    add,
    pump,
  };
}

/** A bound against a pool that always claims capacity. */
const MAX_RUNNING = 64;

/**
 * The batch around the oldest entry, of those with the same output: first the next shorter ones, which cost no more
 * padding, then longer ones, as long as longest x rows fits the budget.
 */
export function formBatch(window: Entry[], maxBatchTokens: number): Entry[] {
  const oldest = window[0];
  if (!oldest) return [];
  const alike = window.filter(({ output }) => output === oldest.output);
  const sorted = alike.sort((a, b) => a.ids.length - b.ids.length);
  let first = sorted.indexOf(oldest);
  let last = first;
  const fits = (from: number, to: number): boolean => {
    const longest = sorted[to];
    return from >= 0 && longest !== undefined && (to - from + 1) * longest.ids.length <= maxBatchTokens;
  };
  while (fits(first - 1, last)) first -= 1;
  while (fits(first, last + 1)) last += 1;
  return sorted.slice(first, last + 1);
}

function pad(batch: Entry[], length: number): Int32Array {
  const ids = new Int32Array(batch.length * length).fill(-1);
  batch.forEach((entry, row) => ids.set(entry.ids, row * length));
  return ids;
}
