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
  // One after the other: what has been started can be ended when the next one fails.
  const encoder = await createEncoder(bundle, { ...options, timeoutMs: options.requestTimeoutMs });
  try {
    await selfTest(encoder, bundle);
    const lexicon = await createLexiconSearch(bundle, {
      threads: options.threadsPerWorker,
      observe: options.observe,
    });
    const close = async (): Promise<void> => void (await Promise.all([encoder.close(), lexicon.close()]));
    return { bundle, encoder, lexicon, close };
  } catch (error) {
    await encoder.close();
    throw error;
  }
}
