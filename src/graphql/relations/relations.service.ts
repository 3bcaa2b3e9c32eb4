import { requireFile } from "../../bundle/bundle.js";
import { GroundwireError } from "../../errors.js";
import { rankPredicates } from "../../relations/ranking.js";
import type { Relations } from "../../relations/relations.js";
import { checkFirst } from "../checks.js";
import type { Context, NamedText } from "../context.js";
import type { Neighbor } from "../neighbors/neighbors.type.js";
import type { RelationLoaders } from "./relations.loader.js";
import type { RelationScore } from "./relations.type.js";

export interface RequestRelations extends Relations {
  loaders: RelationLoaders;
}

/** @throws GroundwireError BAD_USER_INPUT where the bundle that is served knows words alone. */
export function requireRelations({ services, relations }: Context): RequestRelations {
  requireFile(services.bundle, "relations.bin", "relating objects");
  return { ...(services.relations as Relations), loaders: relations as RelationLoaders };
}

/** Predicates by how well they relate two objects that the words imagine. */
export async function inferRelations(
  subject: NamedText,
  object: NamedText,
  first: number,
  context: Context,
): Promise<RelationScore[]> {
  checkFirst(first, context);
  const relations = requireRelations(context);
  const ends = [context.vectors.load(subject), context.vectors.load(object)] as const;
  const [left, right] = await Promise.all(ends);
  const scores = await relations.loaders.pairs.load({ subject: left.vector, object: right.vector });
  return describeScores(scores, subject.text, object.text, first, relations);
}

/** Scores [P] of a pair as the best predicates, each with what training saw. */
export function describeScores(
  scores: Float32Array,
  subject: string,
  object: string,
  first: number,
  relations: Relations,
): RelationScore[] {
  const seen = relations.seen(subject, object);
  return rankPredicates(scores, first).map(({ predicate, ...ranked }) => ({
    ...ranked,
    predicate: relations.predicates[predicate] as RelationScore["predicate"],
    seen: seen.has(predicate),
    count: seen.get(predicate) ?? 0,
  }));
}

export interface TripleRequest {
  subject?: string | null;
  predicate: string;
  object?: string | null;
  first: number;
}

/**
 * The lexicon's entries that best complete a triple.
 * @throws GroundwireError BAD_USER_INPUT unless exactly one of subject and object is missing; UNKNOWN_PREDICATE.
 */
export async function completeRelation(request: TripleRequest, context: Context): Promise<Neighbor[]> {
  checkFirst(request.first, context);
  const relations = requireRelations(context);
  const { subject, object } = request;
  if ((subject == null) === (object == null)) {
    const found = subject == null ? "neither" : "both";
    throw new GroundwireError(
      "BAD_USER_INPUT",
      `exactly one of subject and object must be given, is ${found}`,
    );
  }
  const predicate = relations.findPredicate(request.predicate);
  const known =
    subject == null ? { text: object as string, field: "object" } : { text: subject, field: "subject" };
  const { vector } = await context.vectors.load(known);
  const missing = subject == null ? "subject" : "object";
  return relations.loaders.completions.load({ known: vector, missing, predicate, k: request.first });
}
