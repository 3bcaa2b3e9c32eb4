import { GroundwireError } from "../errors.js";
import type { VisualReply, VisualRequest } from "../inference/protocol.js";

/** One decoded picture that waits for the model. */
export interface PictureEntry {
  /** [224, 224, 3] RGB */
  pixels: Uint8Array;
  withGrid: boolean;
  /** False once the caller has gone: the picture is then skipped. */
  wanted: () => boolean;
  enqueuedAt: number;
  resolve: (picture: SeenPicture) => void;
  reject: (error: Error) => void;
}

export interface SeenPicture {
  /** [D] */
  embedding: Float32Array;
  /** [P, D]; empty where it was not asked for */
  grid: Float32Array;
}

export interface PictureQueueOptions {
  /** Most pictures in a batch. */
  maxBatch: number;
  /** How many batches may start now. */
  capacity: () => number;
  run: (request: VisualRequest) => Promise<VisualReply>;
  /** Told of every batch: its pictures, and the milliseconds that each had waited. */
  observe: (queueMs: number[]) => void;
}

export interface PictureQueue {
  readonly queued: number;
  add: (entry: PictureEntry) => void;
  /** Starts as many batches as there is capacity for. */
  pump: () => void;
}

/** The queue in front of the visual model. All pictures cost the same, so a batch is simply the oldest of them. */
export function createPictureQueue({ maxBatch, capacity, run, observe }: PictureQueueOptions): PictureQueue {
  const queue: PictureEntry[] = [];
  const memory = createBatchMemory(maxBatch);

  function pump(): void {
    while (queue.length > 0 && capacity() > 0) {
      const batch: PictureEntry[] = [];
      while (batch.length < maxBatch && queue.length > 0) {
        const entry = queue.shift() as PictureEntry;
        if (entry.wanted()) batch.push(entry);
        else entry.reject(new GroundwireError("TIMEOUT", "the caller has gone"));
      }
      if (batch.length > 0) void execute(batch);
    }
  }

  async function execute(batch: PictureEntry[]): Promise<void> {
    const now = performance.now();
    observe(batch.map((entry) => now - entry.enqueuedAt));
    const { pixels, release } = memory.fill(batch);
    try {
      const withGrid = batch.some((entry) => entry.withGrid);
      const { embeddings, grids } = await run({ pixels, rows: batch.length, withGrid });
      batch.forEach((entry, row) => {
        const grid = entry.withGrid ? cut(grids, row, batch.length) : new Float32Array(0);
        entry.resolve({ embedding: cut(embeddings, row, batch.length), grid });
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error as Error);
    } finally {
      release();
      pump();
    }
  }

  return {
    get queued() {
      return queue.length;
    },
    add: (entry) => void queue.push(entry),
    pump,
  };
}

/**
 * Where batches lie while the model sees them: shared with its thread, so that nothing is copied to it, and used again,
 * because a fresh megabyte for every batch keeps the garbage collector busy.
 */
function createBatchMemory(maxBatch: number) {
  const free: Uint8Array[] = [];

  function fill(batch: PictureEntry[]): { pixels: Uint8Array; release: () => void } {
    const size = batch[0]?.pixels.length ?? 0;
    const memory = free.pop() ?? new Uint8Array(new SharedArrayBuffer(maxBatch * size));
    batch.forEach((entry, row) => memory.set(entry.pixels, row * size));
    return { pixels: memory.subarray(0, batch.length * size), release: () => void free.push(memory) };
  }

  return { fill };
}

function cut(values: Float32Array, row: number, rows: number): Float32Array {
  const size = values.length / rows;
  return values.slice(row * size, (row + 1) * size);
}
