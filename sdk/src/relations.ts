import type { Operation } from "./document.js";
import type {
  Neighbor,
  ObjectPairInput,
  PairRelations,
  Predicate,
  RelationScore,
} from "./generated/schema.js";
import type { CallOptions } from "./options.js";
import { toBase64Picture, type DownloadOptions, type PictureSource } from "./pictures.js";
import type { Execute } from "./scheduler.js";
import { mapSettled, unwrap, type Settled } from "./settled.js";

export interface RelationOptions extends CallOptions {
  /** Answers, best first; 1 to the server's `maxFirst`. @default 10 */
  first?: number;
}

export interface InferRelationsOptions extends RelationOptions {
  /** A photo: its grounded objects are related instead of those that the words imagine. */
  image?: PictureSource;
}

/** A triple that lacks its subject or its object. */
export interface IncompleteRelation {
  subject?: string;
  /** A name or an alias. */
  predicate: string;
  object?: string;
}

export interface RelationMethods {
  /**
   * The predicates that relate a subject to an object, best first.
   * @throws BadUserInputError where the served bundle knows no relations, ImageUnreadableError, ImageTooLargeError
   */
  inferRelations(subject: string, object: string, options?: InferRelationsOptions): Promise<RelationScore[]>;
  /** The relations of many pairs, in order; a bad pair is its error at its place. Any number of pairs. */
  inferPairRelations(
    pairs: readonly ObjectPairInput[],
    options?: RelationOptions,
  ): Promise<Settled<RelationScore[]>[]>;
  /**
   * The lexicon's entries that best complete a triple.
   * @throws UnknownPredicateError, which names the nearest known ones; BadUserInputError unless one end is missing
   * @example await client.completeRelation({ subject: "man", predicate: "riding" });
   */
  completeRelation(relation: IncompleteRelation, options?: RelationOptions): Promise<Neighbor[]>;
  /** The relations that the model knows, most frequent first. */
  predicates(options?: CallOptions): Promise<Predicate[]>;
}

const PREDICATE = "{ name aliases inverse count }";
export const RELATION_SCORE = `{ predicate ${PREDICATE} score probability seen count }`;

interface InferVariables {
  subject: string;
  object: string;
  image: string;
  first?: number;
}

export const INFER_RELATIONS: Operation<InferVariables, RelationScore[]> = {
  name: "InferRelations",
  kind: "query",
  field: "inferRelations",
  args: { subject: "String!", object: "String!", image: "Image", first: "Int = 10" },
  selection: RELATION_SCORE,
};

export const INFER_PAIR_RELATIONS: Operation<
  { pairs: readonly ObjectPairInput[]; first?: number },
  Settled<PairRelations>[]
> = {
  name: "InferPairRelations",
  kind: "query",
  field: "inferPairRelations",
  args: { pairs: "[ObjectPairInput!]!", first: "Int = 10" },
  selection: `{ subject object relations ${RELATION_SCORE} }`,
  list: "pairs",
};

export const COMPLETE_RELATION: Operation<IncompleteRelation & { first?: number }, Neighbor[]> = {
  name: "CompleteRelation",
  kind: "query",
  field: "completeRelation",
  args: { subject: "String", predicate: "String!", object: "String", first: "Int = 10" },
  selection: "{ rank text similarity }",
};

export const PREDICATES: Operation<object, Predicate[]> = {
  name: "Predicates",
  kind: "query",
  field: "predicates",
  args: {},
  selection: PREDICATE,
};

export function createRelationMethods(execute: Execute, download: DownloadOptions): RelationMethods {
  async function inferPairRelations(
    pairs: readonly ObjectPairInput[],
    { first, signal }: RelationOptions = {},
  ): Promise<Settled<RelationScore[]>[]> {
    const named = pairs.map(({ subject, object }) => ({ subject, object }));
    const answered = await execute(INFER_PAIR_RELATIONS, { pairs: named, first }, signal);
    return mapSettled(answered, ({ relations }) => relations);
  }

  async function inferRelations(
    subject: string,
    object: string,
    { image, first, signal }: InferRelationsOptions = {},
  ): Promise<RelationScore[]> {
    if (image === undefined) {
      // As a list, so that the calls of one tick share their batches.
      return unwrap(await inferPairRelations([{ subject, object }], { first, signal }))[0] as RelationScore[];
    }
    const picture = await toBase64Picture(image, download, signal);
    return execute(INFER_RELATIONS, { subject, object, image: picture, first }, signal);
  }

  return {
    inferRelations,
    inferPairRelations,
    completeRelation: ({ subject, predicate, object }, { first, signal } = {}) =>
      execute(COMPLETE_RELATION, { subject, predicate, object, first }, signal),
    predicates: ({ signal } = {}) => execute(PREDICATES, {}, signal),
  };
}
