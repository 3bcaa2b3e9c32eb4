import type { Operation } from "./document.js";
import type { Embedding as WireEmbedding, QueryEmbedArgs, Space } from "./generated/schema.js";
import type { CallOptions } from "./options.js";
import type { Execute } from "./scheduler.js";
import { mapSettled, unwrap, type Settled } from "./settled.js";
import { decodeVector } from "./vector.js";

export interface EmbedOptions extends CallOptions {
  /** Scale to length 1. @default true */
  normalize?: boolean;
  /** @default "GROUNDED" */
  space?: Space;
}

/** A text as a vector. */
export interface Embedding extends Omit<WireEmbedding, "vector"> {
  /** [dimension] */
  vector: Float32Array;
}

export interface TextPair {
  a: string;
  b: string;
}

export interface EmbeddingMethods {
  /**
   * A text as a vector.
   * @throws BadUserInputError for an empty text, TextTooLongError for one above the server's limit.
   */
  embed(text: string, options?: EmbedOptions): Promise<Embedding>;
  /** Texts as vectors, in order; a bad text is its error at its place. Any number of texts. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Settled<Embedding>[]>;
  /** Cosine of two texts, -1 to 1. */
  similarity(a: string, b: string, options?: CallOptions): Promise<number>;
  /** Cosine of each pair, -1 to 1, in order; a bad pair is its error at its place. Any number of pairs. */
  similarities(pairs: readonly TextPair[], options?: CallOptions): Promise<Settled<number>[]>;
}

export const EMBED: Operation<
  Omit<QueryEmbedArgs, "texts"> & { texts: readonly string[] },
  Settled<WireEmbedding>[]
> = {
  name: "Embed",
  kind: "query",
  field: "embed",
  args: { texts: "[String!]!", normalize: "Boolean = true", space: "Space = GROUNDED" },
  selection: "{ text vector norm tokenCount truncated }",
  list: "texts",
};

export const SIMILARITY: Operation<{ pairs: readonly TextPair[] }, Settled<number>[]> = {
  name: "Similarity",
  kind: "query",
  field: "similarity",
  args: { pairs: "[TextPairInput!]!" },
  selection: "",
  list: "pairs",
};

export function createEmbeddingMethods(execute: Execute): EmbeddingMethods {
  async function embedAll(texts: readonly string[], options: EmbedOptions): Promise<Settled<Embedding>[]> {
    const { normalize, space, signal } = options;
    const answered = await execute(EMBED, { texts, normalize, space }, signal);
    return mapSettled(answered, (item) => ({ ...item, vector: decodeVector(item.vector) }));
  }

  async function embed(texts: string | readonly string[], options: EmbedOptions = {}) {
    if (typeof texts !== "string") return embedAll(texts, options);
    return unwrap(await embedAll([texts], options))[0];
  }

  async function similarities(pairs: readonly TextPair[], { signal }: CallOptions = {}) {
    return execute(SIMILARITY, { pairs: pairs.map(({ a, b }) => ({ a, b })) }, signal);
  }

  async function similarity(a: string, b: string, options: CallOptions = {}) {
    return unwrap(await similarities([{ a, b }], options))[0] as number;
  }

  return { embed: embed as EmbeddingMethods["embed"], similarity, similarities };
}
