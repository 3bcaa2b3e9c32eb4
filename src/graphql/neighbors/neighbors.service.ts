import { ownEntries, weightedSum, type WeightedVector } from "../../composition/composition.js";
import { GroundwireError } from "../../errors.js";
import type { NeighborFilter as LexiconFilter } from "../../lexicon/search.js";
import { checkCount, checkFirst, checkVector, checkWeight } from "../checks.js";
import { searchPage } from "../collections/collections.service.js";
import type { Context } from "../context.js";
import { loadWhole } from "../whole.js";
import { createCursorCodec, type QueryInputs } from "./cursor.js";
import type { ConceptQueryInput, NeighborFilter, TermInput } from "./neighbors.input.js";
import type { Neighbor, NeighborConnection } from "./neighbors.type.js";

export interface ResolvedQuery {
  /** [D], of any length. */
  vector: Float32Array;
  /** Texts that the query itself is made of. */
  texts: string[];
  inputs: QueryInputs;
}

/** A term with its name in error messages, e.g. `terms[3]`. */
export interface NamedTerm {
  text: string;
  weight?: number | null;
  field: string;
}

interface LoadedTerm extends WeightedVector {
  /** Whether its text had more than the model's maxTokens. */
  truncated: boolean;
}

/** Names each term by its place in the list that the client sent. */
export function nameTerms(terms: readonly TermInput[], field: string): NamedTerm[] {
  return terms.map(({ text, weight }, i) => ({ text, weight, field: `${field}[${i}]` }));
}

/** @throws GroundwireError BAD_USER_INPUT unless exactly one of text, vector and terms is given; TEXT_TOO_LONG. */
export async function resolveQuery(query: ConceptQueryInput, context: Context): Promise<ResolvedQuery> {
  const { text, vector, terms } = query;
  const given = Object.entries({ text, vector, terms }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(" and ") || "none";
    throw new GroundwireError(
      "BAD_USER_INPUT",
      `query must have exactly one of text, vector and terms, has ${names}`,
    );
  }
  if (vector) {
    checkVector(vector, "query.vector", context);
    return { vector, texts: [], inputs: vector };
  }
  if (terms) {
    const { vector: sum, truncated } = await sumTerms(terms, "query.terms", context);
    if (truncated) await requireWhole(nameTerms(terms, "query.terms"), context);
    const inputs = terms.map((term) => [term.text, term.weight ?? 1]);
    return { vector: sum, texts: terms.map((term) => term.text), inputs };
  }
  const encoded = await loadWhole({ text: text as string, field: "query.text" }, context);
  return { vector: encoded.vector, texts: [text as string], inputs: text as string };
}

/**
 * The weighted sum of the terms' unit vectors, and whether one of their texts was too long for the model.
 * @param field name of them all in the error's message
 * @throws GroundwireError BAD_USER_INPUT or TEXT_TOO_LONG for a bad term, or terms that cancel out; TOO_MANY_INPUTS.
 */
export async function sumTerms(
  terms: readonly TermInput[],
  field: string,
  context: Context,
): Promise<{ vector: Float32Array; truncated: boolean }> {
  checkCount(terms, field, context);
  if (terms.length === 0) throw new GroundwireError("BAD_USER_INPUT", `${field} must not be empty`);
  const loaded = await loadTerms(nameTerms(terms, field), context);
  return { vector: weightedSum(loaded, field), truncated: loaded.some(({ truncated }) => truncated) };
}

/** @throws GroundwireError BAD_USER_INPUT or TEXT_TOO_LONG for a bad term, by its name. */
export function loadTerms(terms: readonly NamedTerm[], context: Context): Promise<LoadedTerm[]> {
  const loads = terms.map(async ({ text, weight, field }) => {
    checkWeight(weight ?? 1, `${field}.weight`);
    const { vector, truncated } = await context.vectors.load({ text, field: `${field}.text` });
    return { vector, truncated, weight: weight ?? 1 };
  });
  return Promise.all(loads);
}

async function requireWhole(terms: readonly NamedTerm[], context: Context): Promise<void> {
  await Promise.all(terms.map(({ text, field }) => loadWhole({ text, field: `${field}.text` }, context)));
}

export interface PageRequest {
  first: number;
  after?: string | null;
  filter?: NeighborFilter | null;
}

/** One page of a query's neighbors; what the query is made of is left out. */
export async function findPage(
  query: ConceptQueryInput,
  page: PageRequest,
  context: Context,
): Promise<NeighborConnection> {
  checkFirst(page.first, context);
  const given = page.filter ?? {};
  checkCount(given.exclude ?? [], "filter.exclude", context);
  const resolved = await resolveQuery(query, context);
  const { vector, texts, inputs } = resolved;
  if (given.collection != null) return findInCollection(resolved, given.collection, page, context);
  if (given.metadata != null)
    throw new GroundwireError(
      "BAD_USER_INPUT",
      "filter.metadata must come with filter.collection: words have none",
    );
  const filter = toLexiconFilter(
    given,
    texts.map((text) => text.trim().toLowerCase()),
  );
  const cursors = createCursorCodec(context.services.encoder.fingerprint, inputs, filter);
  const offset = page.after ? cursors.decode(page.after) : 0;
  const { hits, hasMore } = await context.neighbors.load({ vector, k: page.first, offset, filter });
  const edges = hits.map((node) => ({ node, cursor: cursors.encode(node.rank) }));
  return {
    edges,
    nodes: hits,
    pageInfo: {
      hasNextPage: hasMore,
      hasPreviousPage: offset > 0,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

async function findInCollection(
  { vector, inputs }: ResolvedQuery,
  collection: string,
  page: PageRequest,
  context: Context,
): Promise<NeighborConnection> {
  const { kind, prefix, exclude, metadata, minSimilarity } = page.filter ?? {};
  if (kind != null)
    throw new GroundwireError(
      "BAD_USER_INPUT",
      `filter.kind must not come with filter.collection, is ${kind}`,
    );
  checkSimilarity(minSimilarity);
  const filter = { textPrefix: prefix ?? undefined, excludeTexts: exclude ?? [], metadata: metadata ?? [] };
  const search = {
    collection,
    kind: "TEXTS",
    vector,
    inputs,
    filter,
    minSimilarity: minSimilarity ?? undefined,
  } as const;
  const { hits, ranks, cursors, pageInfo } = await searchPage(search, page, context);
  const nodes = hits.map(({ id, text, similarity }, i) => {
    return { id, text: text ?? "", similarity, rank: ranks[i] as number };
  });
  return { nodes, edges: nodes.map((node, i) => ({ node, cursor: cursors[i] as string })), pageInfo };
}

/** The best entries for a vector, without `exclude` and its single words. */
export async function findNeighbors(
  vector: Float32Array,
  first: number,
  exclude: readonly string[],
  context: Context,
): Promise<Neighbor[]> {
  checkFirst(first, context);
  const { hits } = await context.neighbors.load({
    vector,
    k: first,
    filter: { exclude: ownEntries(exclude) },
  });
  return hits;
}

function toLexiconFilter(filter: NeighborFilter, own: readonly string[]): LexiconFilter {
  const { minSimilarity } = filter;
  checkSimilarity(minSimilarity);
  return {
    kind: filter.kind ?? undefined,
    prefix: filter.prefix ?? undefined,
    minSimilarity: minSimilarity ?? undefined,
    exclude: [...own, ...(filter.exclude ?? [])],
  };
}

function checkSimilarity(minSimilarity: number | null | undefined): void {
  if (minSimilarity != null && !(minSimilarity >= -1 && minSimilarity <= 1)) {
    throw new GroundwireError("BAD_USER_INPUT", `filter.minSimilarity must be -1 to 1, is ${minSimilarity}`);
  }
}
