import type { Operation } from "./document.js";
import type {
  ConceptQueryInput,
  Neighbor,
  NeighborFilter as NeighborFilterInput,
} from "./generated/schema.js";
import { toFilter, type MetadataFilter } from "./metadata.js";
import type { CallOptions } from "./options.js";
import { iteratePages, toPage, type Connection, type Page } from "./pages.js";
import type { Execute } from "./scheduler.js";
import { encodeVector } from "./vector.js";

/** A text, a vector, or terms with weights. */
export type ConceptQuery = string | { vector: ArrayLike<number> } | { terms: readonly Term[] };

/** A text, with weight 1 unless it has another; negative weights subtract. */
export type Term = string | { text: string; weight?: number };

/** Which entries count. */
export interface NeighborFilter extends Omit<NeighborFilterInput, "metadata"> {
  /** Only in a collection: for each key, one of its values. */
  metadata?: MetadataFilter;
}

export interface NeighborOptions extends CallOptions {
  /** Neighbors on a page, 1 to the server's `maxFirst`. @default 10 */
  first?: number;
  filter?: NeighborFilter;
}

export interface NeighborMethods {
  /**
   * Entries of the lexicon, or of a collection of texts, by cosine; a page of them. Of the lexicon, what the query is
   * made of is left out.
   * @throws BadUserInputError for a query, filter or cursor that breaks a rule, DimensionMismatchError for a vector.
   */
  nearestNeighbors(
    query: ConceptQuery,
    options?: NeighborOptions & { after?: string },
  ): Promise<Page<Neighbor>>;
  /**
   * The same as an async iterable over all entries, asked for page by page as the loop goes on.
   * @example for await (const { text } of client.neighbors("zebra")) if (text.includes("horse")) break;
   */
  neighbors(query: ConceptQuery, options?: NeighborOptions): AsyncIterable<Neighbor>;
}

interface Variables {
  query: ConceptQueryInput;
  first?: number;
  after?: string;
  filter?: NeighborFilterInput;
}

export const NEAREST_NEIGHBORS: Operation<Variables, Connection<Neighbor>> = {
  name: "NearestNeighbors",
  kind: "query",
  field: "nearestNeighbors",
  args: { query: "ConceptQueryInput!", first: "Int = 10", after: "String", filter: "NeighborFilter" },
  selection: "{ nodes { rank text similarity id } pageInfo { hasNextPage endCursor } }",
};

export function createNeighborMethods(execute: Execute): NeighborMethods {
  async function nearestNeighbors(
    query: ConceptQuery,
    { first, after, filter, signal }: NeighborOptions & { after?: string } = {},
  ): Promise<Page<Neighbor>> {
    const variables = { query: toQuery(query), first, after, filter: filter && toWireFilter(filter) };
    return toPage(await execute(NEAREST_NEIGHBORS, variables, signal));
  }

  function neighbors(query: ConceptQuery, options: NeighborOptions = {}): AsyncIterable<Neighbor> {
    return iteratePages((after) => nearestNeighbors(query, { ...options, after }), options.signal);
  }

  return { nearestNeighbors, neighbors };
}

export function toTerms(terms: readonly Term[]): { text: string; weight?: number }[] {
  return terms.map((term) => {
    const { text, weight } = typeof term === "string" ? { text: term } : term;
    return { text, weight };
  });
}

function toWireFilter(filter: NeighborFilter): NeighborFilterInput {
  const { collection, exclude, kind, metadata, minSimilarity, prefix } = filter;
  return { collection, exclude, kind, metadata: toFilter(metadata), minSimilarity, prefix };
}

function toQuery(query: ConceptQuery): ConceptQueryInput {
  if (typeof query === "string") return { text: query };
  if ("vector" in query) return { vector: encodeVector(query.vector) };
  return { terms: toTerms(query.terms) };
}
