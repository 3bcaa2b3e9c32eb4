import { requireFile } from "../../bundle/bundle.js";
import { GroundwireError } from "../../errors.js";
import { scoreInPhoto } from "../../relations/photo-pair.js";
import { rankPredicates } from "../../relations/ranking.js";
import type { Relations } from "../../relations/relations.js";
import { checkFirst } from "../checks.js";
import type { Context, NamedText } from "../context.js";
import type { Neighbor } from "../neighbors/neighbors.type.js";
import { loadWhole } from "../whole.js";
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

/**
 * Predicates by how well they relate two objects, imagined from words or grounded in a photo.
 * @throws GroundwireError BAD_USER_INPUT, that of a bad text or picture, OVERLOADED or TIMEOUT.
 */
export async function inferRelations(request: PairRequest, context: Context): Promise<RelationScore[]> {
  const { subject, object, image, first } = request;
  checkFirst(first, context);
  const relations = requireRelations(context);
  const ends = [loadWhole(subject, context), loadWhole(object, context)] as const;
  const [left, right] = await Promise.all(ends);
  const pair = { subject: left.vector, object: right.vector };
  const scores =
    image == null
      ? await relations.loaders.pairs.load(pair)
      : await scoreInPhoto(pair, await loadGrid(image, context), relations, { signal: context.signal });
  return rankPredicates({ subject: subject.text, object: object.text, scores }, first, relations);
}

async function loadGrid(image: string, { photos }: Context): Promise<Float32Array> {
  return (await photos.load({ image, field: "image" })).grid;
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
  const { vector } = await loadWhole(known, context);
  const missing = subject == null ? "subject" : "object";
  const triple = { missing, predicate, name: known.text } as const;
  return relations.loaders.completions.load({ ...triple, known: vector, k: request.first });
}
