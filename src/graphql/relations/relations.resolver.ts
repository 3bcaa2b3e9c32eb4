import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from "type-graphql";
import { checkCount } from "../checks.js";
import { Concept } from "../concept/concept.type.js";
import { Context } from "../context.js";
import { Neighbor } from "../neighbors/neighbors.type.js";
import { ImageScalar } from "../scalars/image.scalar.js";
import { ObjectPairInput } from "./relations.input.js";
import { completeRelation, inferRelations, relatePair, requireRelations } from "./relations.service.js";
import { PairRelations, Predicate, RelationScore } from "./relations.type.js";

@Resolver()
export class RelationsResolver {
  @Query(() => [RelationScore], {
    nullable: true,
    description: "The predicates that relate subject to object, best first.",
  })
  inferRelations(
    @Ctx() context: Context,
    @Arg("subject", () => String) subject: string,
    @Arg("object", () => String) object: string,
    @Arg("image", () => ImageScalar, {
      nullable: true,
      description: "A photo: its grounded objects are related instead of those that the words imagine.",
    })
    image: string | null | undefined,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<RelationScore[]> {
    const ends = { subject: { text: subject, field: "subject" }, object: { text: object, field: "object" } };
    return inferRelations({ ...ends, image, first }, context);
  }

  @Query(() => [PairRelations], {
    nullable: "itemsAndList",
    description: "inferRelations for many pairs, in order. A bad pair is null with an error at its place.",
  })
  inferPairRelations(
    @Ctx() context: Context,
    @Arg("pairs", () => [ObjectPairInput]) pairs: ObjectPairInput[],
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<PairRelations>[] {
    checkCount(pairs, "pairs", context);
    return pairs.map((pair, i) => relatePair(pair, `pairs[${i}]`, first, context));
  }

  @Query(() => [Neighbor], {
    nullable: true,
    description:
      "The lexicon's entries that best complete a triple of which subject or object is missing: by the relation's score, and by how often training saw the entry at that end and the very triple.",
  })
  completeRelation(
    @Ctx() context: Context,
    @Arg("predicate", () => String, { description: "A name or an alias." }) predicate: string,
    @Arg("subject", () => String, { nullable: true }) subject: string | null | undefined,
    @Arg("object", () => String, { nullable: true }) object: string | null | undefined,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<Neighbor[]> {
    return completeRelation({ subject, predicate, object, first }, context);
  }

  @Query(() => [Predicate], {
    nullable: true,
    description: "The relations that the model knows, most frequent first.",
  })
  predicates(@Ctx() context: Context): Predicate[] {
    return [...requireRelations(context).predicates];
  }
}

@Resolver(() => Concept)
export class ConceptRelationsResolver {
  @FieldResolver(() => [RelationScore], {
    nullable: true,
    description: "The predicates that relate this concept, as subject, to an object.",
  })
  relationsTo(
    @Root() concept: Concept,
    @Ctx() context: Context,
    @Arg("object", () => String) object: string,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<RelationScore[]> {
    const end = { text: object, field: "relationsTo.object" };
    return inferRelations({ subject: concept, object: end, first }, context);
  }
}
