import type { Operation } from "./document.js";
import type {
  Composition as WireComposition,
  CompositionMethod,
  Neighbor,
  OddOneOut,
  TermInput,
} from "./generated/schema.js";
import { toTerms, type Term } from "./neighbors.js";
import type { CallOptions } from "./options.js";
import type { Execute } from "./scheduler.js";
import { decodeVector } from "./vector.js";

export interface ComposeOptions extends CallOptions {
  /** @default "ENCODE" */
  method?: CompositionMethod;
  /** Neighbors in the answer, 1 to the server's `maxFirst`. @default 10 */
  first?: number;
  /** Leave the terms and their words out of the neighbors. @default true */
  excludeTerms?: boolean;
}

/** Several terms as one meaning. */
export interface Composition extends Omit<WireComposition, "vector" | "text"> {
  /** The phrase that was encoded; null for methods that encode none. */
  text: string | null;
  /** [dimension], of length 1. */
  vector: Float32Array;
}

export interface AnalogyOptions extends CallOptions {
  /** Neighbors in the answer, 1 to the server's `maxFirst`. @default 10 */
  first?: number;
}

export interface CompositionMethods {
  /**
   * Several terms as one meaning, with its neighbors.
   * @throws BadUserInputError where the method cannot take the terms' weights.
   * @example await client.compose(["horse", { text: "brown", weight: -1 }], { method: "SUM" });
   */
  compose(terms: readonly Term[], options?: ComposeOptions): Promise<Composition>;
  /** a is to b as c is to what? Entries of the lexicon nearest to b - a + c. */
  analogy(a: string, b: string, c: string, options?: AnalogyOptions): Promise<Neighbor[]>;
  /**
   * Of three or more texts the one that fits least.
   * @throws BadUserInputError for fewer than three texts.
   */
  oddOneOut(texts: readonly string[], options?: CallOptions): Promise<OddOneOut>;
}

interface ComposeVariables {
  terms: TermInput[];
  method?: CompositionMethod;
  first?: number;
  excludeTerms?: boolean;
}

export const COMPOSE: Operation<ComposeVariables, WireComposition & { text: string | null }> = {
  name: "Compose",
  kind: "query",
  field: "compose",
  args: {
    terms: "[TermInput!]!",
    method: "CompositionMethod = ENCODE",
    first: "Int = 10",
    excludeTerms: "Boolean = true",
  },
  selection: "{ method text truncated vector norm neighbors { rank text similarity } }",
};

export const ANALOGY: Operation<{ a: string; b: string; c: string; first?: number }, Neighbor[]> = {
  name: "Analogy",
  kind: "query",
  field: "analogy",
  args: { a: "String!", b: "String!", c: "String!", first: "Int = 10" },
  selection: "{ rank text similarity }",
};

export const ODD_ONE_OUT: Operation<{ texts: readonly string[] }, OddOneOut> = {
  name: "OddOneOut",
  kind: "query",
  field: "oddOneOut",
  args: { texts: "[String!]!" },
  selection: "{ index text scores }",
};

export function createCompositionMethods(execute: Execute): CompositionMethods {
  async function compose(
    terms: readonly Term[],
    { method, first, excludeTerms, signal }: ComposeOptions = {},
  ): Promise<Composition> {
    const variables = { terms: toTerms(terms), method, first, excludeTerms };
    const answer = await execute(COMPOSE, variables, signal);
    return { ...answer, vector: decodeVector(answer.vector) };
  }

  return {
    compose,
    analogy: (a, b, c, { first, signal } = {}) => execute(ANALOGY, { a, b, c, first }, signal),
    oddOneOut: (texts, { signal } = {}) => execute(ODD_ONE_OUT, { texts }, signal),
  };
}
