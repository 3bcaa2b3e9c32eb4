import { createCollections, type Collections } from "./collections/collections.js";
import { createEmbeddedStore } from "./collections/embedded-store.js";
import type { VectorStore } from "./collections/vector-store.js";
import { loadBundle, type Bundle } from "./bundle/bundle.js";
import { VARIABLES, type Config } from "./config.js";
import { createEncoder, type Encoder, type EncoderOptions } from "./inference/encoder.js";
import { selfTest } from "./inference/self-test.js";
import { createLexiconSearch, type LexiconSearch } from "./lexicon/search.js";
import { createVisualEncoder, type VisualEncoder } from "./pictures/visual-encoder.js";
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
  close: () => Promise<void>;
}

export type ServiceOptions = Pick<
  Config,
  "workers" | "threadsPerWorker" | "maxBatchTokens" | "maxQueue" | "cacheEntries" | "requestTimeoutMs"
> & {
  /** @default "data" */
  dataDir?: string;
  observe?: (stage: Stage, ms: number) => void;
};

/**
 * Loads a bundle, starts its workers and proves the model on the golden texts.
 * @throws BundleError where the bundle must not be served; nothing is left running then.
 */
export async function startServices(directory: string, options: ServiceOptions): Promise<Services> {
  const bundle = await loadBundle(directory);
  const shared = { ...options, timeoutMs: options.requestTimeoutMs };
  const { threadsPerWorker: threads } = options;
  const [encoder, lexicon, visual, relations] = await startAll([
    startEncoder(bundle, shared),
    createLexiconSearch(bundle, { ...shared, threads }),
    createVisualEncoder(bundle, shared),
    createRelations(bundle, { threads }),
  ]);
  const store = createEmbeddedStore(options.dataDir ?? VARIABLES.DATA_DIR.default);
  const collections = createCollections({ bundle, encoder, visual, store });
  const close = () => closeAll([encoder, lexicon, visual, relations, collections]);
  return { bundle, encoder, lexicon, visual, relations, collections, store, close };
}

interface Closable {
  close: () => Promise<void>;
}

async function startEncoder(bundle: Bundle, options: EncoderOptions): Promise<Encoder> {
  const encoder = await createEncoder(bundle, options);
  try {
    await selfTest(encoder, bundle);
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
