import type { Operation } from "./document.js";
import type { AxisScore, Concept as WireConcept, Neighbor, RelationScore } from "./generated/schema.js";
import type { CallOptions } from "./options.js";
import { RELATION_SCORE } from "./relations.js";
import type { Execute } from "./scheduler.js";
import { mapSettled, unwrap, type Settled } from "./settled.js";
import { decodeVector } from "./vector.js";

export interface ConceptOptions extends CallOptions {
  /** Neighbors to ask for. @default 0 */
  neighbors?: number;
  /** Axes to ask for, those first on which the concept stands out most. @default 0 */
  axes?: number;
  /** A text to compare with. */
  similarityTo?: string;
  /** The object whose relations to ask for, with the concept as subject. */
  relationsTo?: { object: string; first?: number };
  /** Ask for the vector. @default false */
  vector?: boolean;
}

/** What a word or phrase means; the optional parts are there when they were asked for. */
export interface Concept extends Pick<
  WireConcept,
  "text" | "inLexicon" | "norm" | "tokenCount" | "truncated"
> {
  /** Predicted human rating on its scale of 1 to 5, not clipped; null where the model has no such read-out. */
  concreteness: number | null;
  /** [dimension], of length 1. */
  vector?: Float32Array;
  neighbors?: Neighbor[];
  axes?: AxisScore[];
  /** Cosine, -1 to 1. */
  similarityTo?: number;
  /** Best first. */
  relationsTo?: RelationScore[];
}

export interface ConceptMethods {
  /**
   * A word or phrase with its meaning.
   * @throws BadUserInputError for an empty text, TextTooLongError for one above the server's limit.
   */
  concept(text: string, options?: ConceptOptions): Promise<Concept>;
  /** Words and phrases with their meanings, in order; a bad text is its error at its place. Any number of texts. */
  concepts(texts: readonly string[], options?: ConceptOptions): Promise<Settled<Concept>[]>;
}

interface Variables {
  texts: readonly string[];
  withVector: boolean;
  withNeighbors: boolean;
  neighbors?: number;
  withAxes: boolean;
  axes?: number;
  withSimilarity: boolean;
  similarityTo?: string;
  withRelations: boolean;
  object?: string;
  relations?: number;
}

type Answer = Omit<Concept, "vector"> & { vector?: string };

export const CONCEPTS: Operation<Variables, Settled<Answer>[]> = {
  name: "Concepts",
  kind: "query",
  field: "concepts",
  args: { texts: "[String!]!" },
  variables: {
    withVector: "Boolean = false",
    withNeighbors: "Boolean = false",
    neighbors: "Int",
    withAxes: "Boolean = false",
    axes: "Int",
    withSimilarity: "Boolean = false",
    similarityTo: 'String = ""',
    withRelations: "Boolean = false",
    object: 'String = ""',
    relations: "Int",
  },
  selection: `{
    text inLexicon norm tokenCount truncated concreteness
    vector @include(if: $withVector)
    neighbors(first: $neighbors) @include(if: $withNeighbors) { rank text similarity }
    axes(first: $axes) @include(if: $withAxes) {
      value axis { index name norm r explainedVariance low high }
    }
    similarityTo(text: $similarityTo) @include(if: $withSimilarity)
    relationsTo(object: $object, first: $relations) @include(if: $withRelations) ${RELATION_SCORE}
  }`,
  list: "texts",
};

export function createConceptMethods(execute: Execute): ConceptMethods {
  async function concepts(
    texts: readonly string[],
    options: ConceptOptions = {},
  ): Promise<Settled<Concept>[]> {
    const { vector, neighbors = 0, axes = 0, similarityTo, relationsTo, signal } = options;
    const variables = {
      texts,
      withVector: vector === true,
      ...counted("neighbors", "withNeighbors", neighbors),
      ...counted("axes", "withAxes", axes),
      withSimilarity: similarityTo !== undefined,
      similarityTo,
      withRelations: relationsTo !== undefined,
      object: relationsTo?.object,
      relations: relationsTo?.first,
    } as Variables;
    return mapSettled(await execute(CONCEPTS, variables, signal), decode);
  }

  async function concept(text: string, options?: ConceptOptions): Promise<Concept> {
    return unwrap(await concepts([text], options))[0] as Concept;
  }

  return { concept, concepts };
}

/** A count of 0 asks for nothing; any other goes to the server, which knows the rule. */
function counted(name: string, flag: string, count: number): Record<string, unknown> {
  return count === 0 ? { [flag]: false } : { [flag]: true, [name]: count };
}

function decode({ vector, ...rest }: Answer): Concept {
  return vector === undefined ? rest : { ...rest, vector: decodeVector(vector) };
}
