import DataLoader from "dataloader";
import type { Caller } from "../http/auth.js";
import type { Encoded, Timings } from "../inference/encoder.js";
import type { EncodedPicture } from "../pictures/visual-encoder.js";
import type { SearchQuery, SearchResult } from "../lexicon/search.js";
import type { Services } from "../services.js";
import { createGroundingLoaders, type NamedImage } from "./grounding/grounding.loader.js";
import { createRelationLoaders, type RelationLoaders } from "./relations/relations.loader.js";

/** A text with its name in error messages, e.g. `texts[3]`. */
export interface NamedText {
  text: string;
  field: string;
}

/** What one request carries: shared services, its own loaders. */
export interface Context {
  requestId: string;
  services: Services;
  limits: RequestLimits;
  caller: Caller;
  /** Cost units of the operations so far; one object for all operations of an HTTP request. */
  budget: { spent: number };
  timings: Timings;
  /** Aborts, with the error to answer, when the request's time is over or its client has gone. */
  signal: AbortSignal;
  /** All texts that a request asks for at one level become one encoder call. */
  vectors: DataLoader<NamedText, Encoded, string>;
  neighbors: DataLoader<SearchQuery, SearchResult>;
  /** Last layers of texts, [tokens, D]. */
  tokens: DataLoader<NamedText, Encoded, string>;
  /** Pictures with their grids. */
  photos: DataLoader<NamedImage, EncodedPicture, string>;
  /** Undefined for a bundle without relations. */
  relations: RelationLoaders | undefined;
}

export interface RequestLimits {
  maxTexts: number;
  maxFirst: number;
  maxBodyBytes: number;
}

export interface ContextOptions {
  requestId: string;
  services: Services;
  limits: RequestLimits;
  caller: Caller;
  signal: AbortSignal;
}

export function createContext({ requestId, services, limits, caller, signal }: ContextOptions): Context {
  const timings: Timings = { tokenizeMs: 0, queueMs: 0, inferMs: 0 };
  const { encoder, lexicon } = services;
  return {
    requestId,
    services,
    limits,
    caller,
    budget: { spent: 0 },
    timings,
    signal,
    vectors: new DataLoader<NamedText, Encoded, string>(
      (keys) => {
        const fields = keys.map(({ field }) => field);
        const texts = keys.map(({ text }) => text);
        return encoder.encode(texts, { fields, signal, timings });
      },
      // With the field, because a bad text's error names it; the encoder computes equal texts once.
      { cacheKeyFn: ({ text, field }) => `${field}\n${text}` },
    ),
    neighbors: new DataLoader<SearchQuery, SearchResult>((queries) => lexicon.search(queries, { signal }), {
      cache: false,
    }),
    ...createGroundingLoaders(services, signal),
    relations: services.relations && createRelationLoaders(services.relations),
  };
}
