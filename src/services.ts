import { loadBundle, type Bundle } from "./bundle/bundle.js";
import type { Config } from "./config.js";
import { createEncoder, type Encoder } from "./inference/encoder.js";
import { selfTest } from "./inference/self-test.js";
import { createLexiconSearch, type LexiconSearch } from "./lexicon/search.js";

export type Stage = "tokenize" | "queue" | "infer" | "search";

/** What answers come from: one bundle and the workers that serve it. */
export interface Services {
  bundle: Bundle;
  encoder: Encoder;
  lexicon: LexiconSearch;
  close: () => Promise<void>;
}

export type ServiceOptions = Pick<
  Config,
  "workers" | "threadsPerWorker" | "maxBatchTokens" | "maxQueue" | "cacheEntries" | "requestTimeoutMs"
> & { observe?: (stage: Stage, ms: number) => void };

/**
 * Loads a bundle, starts its workers and proves the model on the golden texts.
 * @throws BundleError where the bundle must not be served; nothing is left running then.
 */
export async function startServices(directory: string, options: ServiceOptions): Promise<Services> {
  const bundle = await loadBundle(directory);
  const [encoder, lexicon] = await Promise.all([
    createEncoder(bundle, { ...options, timeoutMs: options.requestTimeoutMs }),
    createLexiconSearch(bundle, { threads: options.threadsPerWorker, observe: options.observe }),
  ]);
  const close = async (): Promise<void> => void (await Promise.all([encoder.close(), lexicon.close()]));
  try {
    await selfTest(encoder, bundle);
  } catch (error) {
    await close();
    throw error;
  }
  return { bundle, encoder, lexicon, close };
}
