import { GroundwireError } from "../errors.js";
import type { EncodeReply, EncodeRequest, TextOutput } from "./protocol.js";
import { createServiceRate } from "./service-rate.js";

/** One distinct text that waits for the model; several callers may wait for it. */
export interface Entry {
  ids: number[];
  output: TextOutput;
  /** False once every caller has gone: the entry is then dropped unanswered. */
  wanted: () => boolean;
  enqueuedAt: number;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export interface Answer {
  /** [D], or [T, D] for tokens */
  vector: Float32Array;
  /** Milliseconds that the text waited for its batch. */
  queueMs: number;
  /** Milliseconds that its batch took. */
  inferMs: number;
}

export interface BatcherOptions {
  /** Most padded tokens in a batch: longest text x rows. A longer single text still goes, alone. */
  maxBatchTokens: number;
  /** Most texts that may wait. */
  maxQueue: number;
  /** How many batches may start now. */
  capacity: () => number;
  /** Runs [rows, length] padded ids (-1 is padding); answers [rows, D], or [rows, length, D] for tokens. */
  run: (batch: EncodeRequest) => Promise<EncodeReply>;
  observe: (event: BatchEvent) => void;
}

export interface BatchEvent {
  rows: number;
  length: number;
  /** Milliseconds that each entry had waited. */
  queueMs: number[];
}

export interface Batcher {
  /** Texts that wait. */
  readonly queued: number;
  /** Whether what waits would fill a batch. */
  readonly full: boolean;
  /** @throws GroundwireError OVERLOADED where the queue is full. */
  requireRoom: () => void;
  /** @throws GroundwireError OVERLOADED where the queue is full. */
  add: (entry: Entry) => void;
  /** Starts as many batches as there is capacity for; nothing waits while a worker is idle. */
  pump: () => void;
  /** Refuses what waits and all that would be added. */
  close: (reason: Error) => void;
}

/** Entries compared for similar lengths when a batch is formed; the work grows with the square of it. */
const WINDOW = 1024;
// What a batch costs beside its texts' own tokens, in tokens (measured, MiniLM of 6 layers). The graph computes no padding
// but in attention.
/** Whatever it holds: the weights are read once for each. */
const PER_BATCH = 17;
/** For every place of the rectangle, longest text x rows. */
const PER_PLACE = 0.04;
/** For every pair of places of a row. */
const PER_PAIR = 0.0009;
/** Words and short phrases are never cut: what a page of them asks for is one batch. */
const SHORT_TOKENS = 8;
/** While another batch runs: a larger one would leave the next worker too little, and its texts wait for each other. */
const LOADED_BATCH_TOKENS = 384;
/** Answers given before the event loop gets a turn: what callers make of them all would hold it up. */
const ANSWERS_A_TURN = 8;
/** Milliseconds between two looks at a full queue for texts whose callers have gone: a look takes long where it is long. */
const SWEEP_MS = 10;

/** The process-wide queue in front of the model: bounded, and cut into batches of texts of similar length. */
export function createBatcher(options: BatcherOptions): Batcher {
  let queue: Entry[] = [];
  let queuedTokens = 0;
  let running = 0;
  let closed: Error | undefined;
  let sweptAt = -Infinity;
  const rate = createServiceRate();

  function requireRoom(): void {
    if (closed) throw closed;
    if (queue.length >= options.maxQueue) sweep();
    if (queue.length < options.maxQueue) return;
    const message = `the queue holds its limit of ${options.maxQueue} texts; try again later`;
    throw new GroundwireError("OVERLOADED", message, { retryAfterMs: rate.waitMs(queue.length) });
  }

  function sweep(): void {
    const now = performance.now();
    if (now - sweptAt < SWEEP_MS) return;
    sweptAt = now;
    keep((entry) => entry.wanted());
  }

  function add(entry: Entry): void {
    requireRoom();
    queue.push(entry);
    queuedTokens += entry.ids.length;
  }

  function pump(): void {
    while (queue.length > 0 && options.capacity() > 0) {
      keep((entry) => entry.wanted());
      const window = queue.slice(0, WINDOW);
      const loaded = running > 0 && window.some(({ ids }) => ids.length > SHORT_TOKENS);
      const most = loaded ? LOADED_BATCH_TOKENS : Infinity;
      const batch = formBatch(window, Math.min(most, options.maxBatchTokens));
      if (batch.length === 0) return;
      const taken = new Set(batch);
      keep((entry) => !taken.has(entry));
      void execute(batch);
    }
  }

  function keep(filter: (entry: Entry) => boolean): void {
    queue = queue.filter(filter);
    queuedTokens = queue.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  function close(reason: Error): void {
    closed = reason;
    for (const entry of queue) entry.reject(reason);
    keep(() => false);
  }

  async function execute(batch: Entry[]): Promise<void> {
    const length = Math.max(...batch.map((entry) => entry.ids.length));
    const now = performance.now();
    const queueMs = batch.map((entry) => now - entry.enqueuedAt);
    options.observe({ rows: batch.length, length, queueMs });
    running += 1;
    try {
      const rows = batch.length;
      const { output } = batch[0] as Entry;
      const { vectors, inferMs } = await options.run({ ids: pad(batch, length), rows, length, output });
      rate.served(rows, now);
      const stride = vectors.length / rows;
      for (const [row, entry] of batch.entries()) {
        // The padding's own tokens are nobody's.
        const size = output === "tokens" ? (stride / length) * entry.ids.length : stride;
        const vector = vectors.slice(row * stride, row * stride + size);
        entry.resolve({ vector, queueMs: queueMs[row] as number, inferMs });
        if ((row + 1) % ANSWERS_A_TURN === 0) await new Promise(setImmediate);
      }
    } catch (error) {
      for (const entry of batch) entry.reject(error as Error);
    } finally {
      running -= 1;
    }
  }

  return {
    get queued() {
      return queue.length;
    },
    get full() {
      return queuedTokens >= options.maxBatchTokens;
    },
    requireRoom,
    add,
    pump,
    close,
  };
}

/**
 * The batch that holds the oldest entry, so that none waits for ever, of those with the same output. What waits is cut
 * by length where a batch more costs less than the padding in attention.
 */
export function formBatch(window: readonly Entry[], maxBatchTokens: number): Entry[] {
  const oldest = window[0];
  if (!oldest) return [];
  const alike = window.filter(({ output }) => output === oldest.output);
  const sorted = alike.sort((a, b) => a.ids.length - b.ids.length);
  const starts = cutByLength(
    sorted.map(({ ids }) => ids.length),
    maxBatchTokens,
  );
  const place = sorted.indexOf(oldest);
  let end = sorted.length;
  while ((starts[end] as number) > place) end = starts[end] as number;
  return sorted.slice(starts[end], end);
}

/**
 * The cheapest way to cut sorted lengths into batches.
 * @returns for each end (exclusive) where its batch starts, if all before that is cut as cheaply as can be
 */
function cutByLength(lengths: readonly number[], maxBatchTokens: number): number[] {
  const starts = [0];
  const costs = [0];
  for (let end = 1; end <= lengths.length; end++) {
    const longest = lengths[end - 1] as number;
    const places = Math.max(SHORT_TOKENS, longest);
    const perRow = PER_PLACE * places + PER_PAIR * places ** 2;
    let best = Infinity;
    for (let start = end - 1; start >= 0; start--) {
      const rows = end - start;
      if (longest * rows > maxBatchTokens && rows > 1) break;
      const cost = (costs[start] as number) + perRow * rows + PER_BATCH;
      if (cost >= best) continue;
      best = cost;
      starts[end] = start;
    }
    costs[end] = best;
  }
  return starts;
}

function pad(batch: readonly Entry[], length: number): Int32Array {
  const ids = new Int32Array(batch.length * length).fill(-1);
  batch.forEach((entry, row) => ids.set(entry.ids, row * length));
  return ids;
}
