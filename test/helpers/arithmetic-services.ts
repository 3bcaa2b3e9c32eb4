import { loadBundle } from "../../src/bundle/bundle.js";
import { createEncoder, type EncodePool, type EncoderOptions } from "../../src/inference/encoder.js";
import type { LexiconSearch } from "../../src/lexicon/search.js";
import type { Services } from "../../src/services.js";
import { shippedBundle } from "./bundle.js";

const OPTIONS: EncoderOptions = {
  workers: 1,
  threadsPerWorker: 1,
  maxBatchTokens: 4096,
  maxQueue: 8192,
  timeoutMs: 60_000,
  cacheEntries: 1000,
};

/**
 * The shipped bundle with arithmetic in place of its model, and no threads: for what is decided before and after the
 * model. A text computed twice gets vectors that differ in their last digits, as other batches give them.
 */
export async function createArithmeticServices(changes: Partial<EncoderOptions> = {}): Promise<Services> {
  const bundle = await loadBundle(shippedBundle);
  const pool = Promise.resolve(createPool(bundle.manifest.dimension));
  const encoder = await createEncoder(bundle, { ...OPTIONS, ...changes }, pool);
  // Nothing else is asked of them.
  return { bundle, encoder, lexicon: createLexicon() } as unknown as Services;
}

function createPool(dimension: number): EncodePool {
  let runs = 0;
  return {
    idle: 1,
    restarts: 0,
    onIdle: () => undefined,
    run: ({ ids, rows, length }) => {
      runs += 1;
      const vectors = Float32Array.from({ length: rows * dimension }, (_, at) => {
        const row = Math.floor(at / dimension);
        const tokens = ids.subarray(row * length, (row + 1) * length).filter((id) => id >= 0);
        const seed = tokens.reduce((sum, id, place) => sum + id * (place + 1), 0);
        return Math.sin(seed * (1 + (at % dimension))) + 1e-4 * Math.sin(at + runs);
      });
      return Promise.resolve({ vectors, inferMs: 0 });
    },
    grow: () => undefined,
    killOne: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** Its hits say what was asked: how many, from which rank, without which entries. */
function createLexicon(): LexiconSearch {
  return {
    size: 1,
    indexOf: () => -1,
    search: (queries) =>
      Promise.resolve(
        queries.map(({ k, offset = 0, filter }) => {
          const hit = (rank: number) => ({
            index: rank,
            text: `without ${filter?.exclude?.join()}`,
            similarity: 0,
            rank,
          });
          return { hits: Array.from({ length: k }, (_, i) => hit(offset + i + 1)), hasMore: true };
        }),
      ),
    stats: () => ({ batches: 0, queries: 0 }),
    close: () => Promise.resolve(),
  };
}
