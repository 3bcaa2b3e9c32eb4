import type { Axis, CompositionMethod, Neighbor, NeighborFilter } from "./generated/schema.js";
import type { GroundwireError } from "./errors.js";

export type { Axis, CompositionMethod, EntryKind, Limits, Model, Neighbor, NeighborFilter, OddOneOut } from "./generated/schema.js";

export interface ClientOptions {
  /** The gateway's GraphQL endpoint, e.g. `http://127.0.0.1:4000/graphql`. */
  url: string;
  /** Sent as a bearer token. */
  apiKey?: string;
  /** Milliseconds for one attempt of a request. @default 30000 */
  timeoutMs?: number;
  /** Attempts after the first, with exponential backoff. @default 3 */
  retries?: number;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** @default globalThis.fetch */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Aborts this call alone; calls that share its request go on. */
  signal?: AbortSignal;
}

export interface EmbedOptions extends CallOptions {
  /** Scale to length 1. @default true */
  normalize?: boolean;
}

export interface Embedding {
  text: string;
  /** [dimension] */
  vector: Float32Array;
  /** Euclidean length before normalization. */
  norm: number;
  /** Tokens of the whole text, [CLS] and [SEP] included. */
  tokenCount: number;
  /** True where the text had more tokens than the model takes. */
  truncated: boolean;
}

/** A list's item: what was asked for, or why there is none. Items keep the order of the input. */
export type Settled<T> = T | GroundwireError;

export interface ConceptOptions extends CallOptions {
  /** Neighbors to ask for. @default 0 */
  neighbors?: number;
  /** Axes to ask for, strongest first. @default 0 */
  axes?: number;
  /** A text to compare with. */
  similarityTo?: string;
  /** Ask for the vector. @default false */
  vector?: boolean;
}

export interface Concept {
  text: string;
  inLexicon: boolean;
  norm: number;
  tokenCount: number;
  truncated: boolean;
  /** Predicted human rating on the scale of 1 to 5; null where the model has no such read-out. */
  concreteness: number | null;
  vector?: Float32Array;
  neighbors?: Neighbor[];
  axes?: { axis: Pick<Axis, "index" | "name">; value: number }[];
  /** Cosine, -1 to 1. */
  similarityTo?: number;
}

/** A text, a vector, or weighted terms. */
export type ConceptQuery = string | { vector: ArrayLike<number> } | { terms: readonly Term[] };

export type Term = string | { text: string; weight?: number };

export interface NeighborOptions extends CallOptions {
  /** Neighbors in the answer, or on each page. @default 10 */
  first?: number;
  filter?: NeighborFilter;
}

export interface PageOptions extends NeighborOptions {
  /** Cursor of the entry before the page. */
  after?: string;
}

export interface NeighborPage {
  neighbors: Neighbor[];
  /** Where the next page begins; null on the last one. */
  next: string | null;
}

export interface ComposeOptions extends CallOptions {
  /** @default "ENCODE" */
  method?: CompositionMethod;
  /** @default 10 */
  first?: number;
  /** Leave the terms and their words out of the neighbors. @default true */
  excludeTerms?: boolean;
}

export interface Composition {
  method: CompositionMethod;
  /** The phrase that was encoded (ENCODE). */
  text: string | null;
  vector: Float32Array;
  norm: number;
  neighbors: Neighbor[];
}

