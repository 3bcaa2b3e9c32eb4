import DataLoader from "dataloader";
import pLimit, { type LimitFunction } from "p-limit";
import type { Collections } from "../collections/collections.js";
import type { Caller } from "../http/auth.js";
import type { Deadline } from "../http/deadlines.js";
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

/** What a request has taken so far. */
export interface Tally {
  /** Cost units of its operations. */
  cost: number;
  /** Its answer then holds for this moment only. */
  readsCollections: boolean;
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
  deadline: Deadline;
}

interface Loaders {
  vectors?: DataLoader<NamedText, Encoded, string>;
  neighbors?: DataLoader<SearchQuery, SearchResult>;
  grounding?: ReturnType<typeof createGroundingLoaders>;
  relations?: RelationLoaders;
  turns?: LimitFunction;
}

const READS_AT_ONCE = 4;

/**
 * What one HTTP request carries: shared services, its own loaders. Most requests need one loader and no signal, so all
 * are made on first use. Apollo copies a context's own properties for each operation of a batch: what these share lies
 * in objects, and what must not be read too early in accessors. It holds nothing of the HTTP request: graphql-js remembers
 * contexts in weak maps, whose keys V8 collects late, with all that they refer to.
 */
export class Context {
  readonly requestId: string;
  readonly services: Omit<Services, "collections" | "store">;
  readonly limits: RequestLimits;
  readonly caller: Caller;
  /** One object for all operations of an HTTP request. */
  readonly tally: Tally = { cost: 0, readsCollections: false };
  readonly timings: Timings = { tokenizeMs: 0, queueMs: 0, inferMs: 0 };
  private readonly loaders: Loaders = {};

  constructor(private readonly options: ContextOptions) {
    this.requestId = options.requestId;
    this.services = options.services;
    this.limits = options.limits;
    this.caller = options.caller;
  }

  get signal(): AbortSignal {
    return this.options.deadline.signal;
  }

  /** All texts that a request asks for at one level become one encoder call. */
  get vectors(): DataLoader<NamedText, Encoded, string> {
    return (this.loaders.vectors ??= createVectorLoader(this));
  }

  get neighbors(): DataLoader<SearchQuery, SearchResult> {
    return (this.loaders.neighbors ??= new DataLoader<SearchQuery, SearchResult>(
      (queries) => this.services.lexicon.search(queries, { signal: this.signal }),
      { cache: false },
    ));
  }

  /** Last layers of texts, [tokens, D]. */
  get tokens(): DataLoader<NamedText, Encoded, string> {
    return this.grounding.tokens;
  }

  /** Pictures with their grids. */
  get photos(): DataLoader<NamedImage, EncodedPicture, string> {
    return this.grounding.photos;
  }

  get collections(): Collections {
    this.tally.readsCollections = true;
    return this.options.services.collections;
  }

  /** Undefined for a bundle without relations. */
  get relations(): RelationLoaders | undefined {
    const { relations } = this.services;
    return relations && (this.loaders.relations ??= createRelationLoaders(relations, this.signal));
  }

  /** Reads of collections take turns: those of a long list must not fill the queue that all requests share. */
  get turns(): LimitFunction {
    return (this.loaders.turns ??= pLimit(READS_AT_ONCE));
  }

  private get grounding() {
    return (this.loaders.grounding ??= createGroundingLoaders(this.services, this.signal));
  }
}

function createVectorLoader(context: Context): DataLoader<NamedText, Encoded, string> {
  const { services, timings } = context;
  return new DataLoader<NamedText, Encoded, string>(
    (keys) => {
      const fields = keys.map(({ field }) => field);
      const texts = keys.map(({ text }) => text);
      const options = {
        fields,
        timings,
        // Read only where a text is not in the cache.
        get signal() {
          return context.signal;
        },
      };
      return services.encoder.encode(texts, options);
    },
    // With the field, because a bad text's error names it; the encoder computes equal texts once.
    { cacheKeyFn: ({ text, field }) => `${field}\n${text}` },
  );
}
