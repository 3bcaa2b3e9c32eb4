import { createCollections, type Collections } from "./collections/collections.js";
import { createEmbeddedStore } from "./collections/embedded-store.js";
import type { VectorStore } from "./collections/vector-store.js";
import { loadBundle, type Bundle } from "./bundle/bundle.js";
import { VARIABLES, type Config } from "./config.js";
import { createEncoder, type Encoder } from "./inference/encoder.js";
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
  // One after the other: what has been started can be ended when the next one fails.
  const started: { close: () => Promise<void> }[] = [];
  const close = async (): Promise<void> =>
    void (await Promise.all(started.map((service) => service.close())));
  async function start<S extends { close: () => Promise<void> }>(starting: Promise<S>): Promise<S> {
    const service = await starting;
    started.push(service);
    return service;
  }
  try {
    const encoder = await start(createEncoder(bundle, shared));
    await selfTest(encoder, bundle);
    const { threadsPerWorker: threads } = options;
    const lexicon = await start(createLexiconSearch(bundle, { ...shared, threads }));
    const visual = await start(createVisualEncoder(bundle, shared));
    const relations = await createRelations(bundle, { threads });
    if (relations) started.push(relations);
    const store = createEmbeddedStore(options.dataDir ?? VARIABLES.DATA_DIR.default);
    const collections = await start(Promise.resolve(createCollections({ bundle, encoder, visual, store })));
    return { bundle, encoder, lexicon, visual, relations, collections, store, close };
  } catch (error) {
    await close();
    throw error;
  }
}
