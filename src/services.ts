import type { Collections } from "./collections/collections.js";
import type { VectorStore } from "./collections/vector-store.js";
import { openBundle, readFiles, type Bundle, type BundleFiles } from "./bundle/bundle.js";
import { allThreads, VARIABLES, type Config } from "./config.js";
import {
  createEncoder,
  startEncodePool,
  type EncodePool,
  type Encoder,
  type EncoderOptions,
} from "./inference/encoder.js";
import { selfTest } from "./inference/self-test.js";
import { createWorkerWatch, type WorkerTrouble, type WorkerWatch } from "./inference/worker-watch.js";
import { createLexiconSearch, type LexiconSearch } from "./lexicon/search.js";
import type { VisualEncoder } from "./pictures/visual-encoder.js";
import { createRelations, type Relations } from "./relations/relations.js";

export type Stage = "tokenize" | "queue" | "infer" | "search" | "decode" | "see";

/** What answers come from: one bundle and the workers that serve it. */
export interface Services {
  bundle: Bundle;
  encoder: Encoder;
  lexicon: LexiconSearch;
  visual: VisualEncoder;
  /** Undefined for a bundle without relations. */
  relations: Relations | undefined;
  collections: Collections;
  /** What the collections lie in. */
  store: VectorStore;
  /** What becomes of all workers. */
  workers: WorkerWatch;
  /** Starts the workers that are not needed to begin with. For what goes on for long; call it once. */
  grow: () => void;
  close: () => Promise<void>;
}

export type ServiceOptions = Pick<
  Config,
  "workers" | "threadsPerWorker" | "maxBatchTokens" | "maxQueue" | "cacheEntries" | "requestTimeoutMs"
> & {
  /** @default "data" */
  dataDir?: string;
  /** Milliseconds that `close` waits for merges of collections' files. @default no limit */
  mergeGraceMs?: number;
  observe?: (stage: Stage, ms: number) => void;
};

/**
 * Loads a bundle, starts its workers and proves the model on the golden texts.
 * @throws BundleError where the bundle must not be served; nothing is left running then.
 */
export async function startServices(directory: string, options: ServiceOptions): Promise<Services> {
  return startServicesOf(await openBundle(directory), options);
}

/** As `startServices`, of a bundle that is open. */
export async function startServicesOf(files: BundleFiles, given: ServiceOptions): Promise<Services> {
  const { watch: workers, tell: onTrouble } = createWorkerWatch();
  const options = { ...given, onTrouble };
  // Before all else, because it takes longest: the rest of the bundle and of the code is loaded meanwhile.
  const pool = startEncodePool(files, options);
  // It may fail while the files are read, before anybody waits for it.
  pool.catch(() => undefined);
  try {
    return { ...(await startWith(pool, await readFiles(files), options)), workers };
  } catch (error) {
    const started = await pool.catch(() => undefined);
    await started?.close();
    throw error;
  }
}

async function startWith(
  pool: Promise<EncodePool>,
  bundle: Bundle,
  options: ServiceOptions & { onTrouble: (trouble: WorkerTrouble) => void },
): Promise<Omit<Services, "workers">> {
  const shared = { ...options, timeoutMs: options.requestTimeoutMs };
  const threads = allThreads(options);
  const { createVisualEncoder, createCollections, createEmbeddedStore } = await loadLargeParts();
  const [encoder, lexicon, visual, relations] = await startAll([
    startEncoder(bundle, shared, pool),
    createLexiconSearch(bundle, { ...shared, threads }),
    createVisualEncoder(bundle, shared),
    createRelations(bundle, { ...shared, threads }),
  ]);
  const store = createEmbeddedStore(options.dataDir ?? VARIABLES.DATA_DIR.default, options);
  const collections = createCollections({ bundle, encoder, visual, store, timeoutMs: shared.timeoutMs });
  const grow = () => [encoder, visual].forEach((one) => one.grow());
  const close = () => closeAll([encoder, lexicon, visual, relations, collections]);
  return { bundle, encoder, lexicon, visual, relations, collections, store, grow, close };
}

/** The code that brings libraries of pictures and of tables along. */
async function loadLargeParts() {
  const { createVisualEncoder } = await import("./pictures/visual-encoder.js");
  const { createCollections } = await import("./collections/collections.js");
  const { createEmbeddedStore } = await import("./collections/embedded-store.js");
  return { createVisualEncoder, createCollections, createEmbeddedStore };
}

/** Golden texts encoded in one call. */
const MOST_GOLDEN = 16;

interface Closable {
  close: () => Promise<void>;
}

async function startEncoder(
  bundle: Bundle,
  options: EncoderOptions,
  pool: Promise<EncodePool>,
): Promise<Encoder> {
  const encoder = await createEncoder(bundle, options, pool);
  try {
    await selfTest(encoder, bundle, Math.min(MOST_GOLDEN, options.maxQueue));
    return encoder;
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

/** All at once; where one fails, the others are ended as soon as they have started. */
async function startAll<T extends (Closable | undefined)[]>(starting: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  const results = await Promise.allSettled<Closable | undefined>(starting);
  const failed = results.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined;
  const started = results.map((result) => (result.status === "fulfilled" ? result.value : undefined));
  if (!failed) return started as T;
  await closeAll(started);
  throw failed.reason;
}

async function closeAll(services: readonly (Closable | undefined)[]): Promise<void> {
  await Promise.all(services.map(async (service) => service?.close()));
}
