import { requireFile } from "../../bundle/bundle.js";
import { GroundwireError } from "../../errors.js";
import { rankPredicates } from "../../relations/ranking.js";
import type { ObjectPair, Relations } from "../../relations/relations.js";
import { checkFirst } from "../checks.js";
import type { Context, NamedText } from "../context.js";
import type { Neighbor } from "../neighbors/neighbors.type.js";
import type { RelationLoaders } from "./relations.loader.js";
import type { ObjectPairInput } from "./relations.input.js";
import type { PairRelations, RelationScore } from "./relations.type.js";

export interface RequestRelations extends Relations {
  loaders: RelationLoaders;
}

/** @throws GroundwireError BAD_USER_INPUT where the bundle that is served knows words alone. */
export function requireRelations({ services, relations }: Context): RequestRelations {
  requireFile(services.bundle, "relations.bin", "relating objects");
  return { ...(services.relations as Relations), loaders: relations as RelationLoaders };
}

export interface PairRequest {
  subject: NamedText;
  object: NamedText;
  /** Base64 or a data URI; the objects are then those that the photo shows. */
  image?: string | null;
  first: number;
}

/** Predicates by how well they relate two objects, imagined from words or grounded in a photo. */
export async function inferRelations(request: PairRequest, context: Context): Promise<RelationScore[]> {
  const { subject, object, image, first } = request;
  checkFirst(first, context);
  const relations = requireRelations(context);
  const ends = [context.vectors.load(subject), context.vectors.load(object)] as const;
  const [left, right] = await Promise.all(ends);
  const pair = { subject: left.vector, object: right.vector };
  const scores =
    image == null ? await relations.loaders.pairs.load(pair) : await scoreInPhoto(image, pair, context);
  return describeScores(scores, subject.text, object.text, first, relations);
}

/** @param field name of the pair in error messages */
export async function relatePair(
  { subject, object }: ObjectPairInput,
  field: string,
  first: number,
  context: Context,
): Promise<PairRelations> {
  const ends = {
    subject: { text: subject, field: `${field}.subject` },
    object: { text: object, field: `${field}.object` },
  };
  return { subject, object, relations: await inferRelations({ ...ends, first }, context) };
}

async function scoreInPhoto(image: string, pair: ObjectPair, context: Context): Promise<Float32Array> {
  const relations = requireRelations(context);
  const { grid } = await context.photos.load({ image, field: "image" });
  // The graph asks for at least one token, whose similarity is not needed here.
  const { grounded } = await relations.ground(grid, pair.subject, [pair.subject, pair.object]);
  const [subject, object] = grounded as [Float32Array, Float32Array];
  const [scores] = await relations.score([{ subject, object }], "subspace");
  return scores as Float32Array;
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
