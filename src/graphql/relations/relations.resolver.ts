import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from "type-graphql";
import { Concept } from "../concept/concept.type.js";
import { Context } from "../context.js";
import { Neighbor } from "../neighbors/neighbors.type.js";
import { completeRelation, inferRelations, requireRelations } from "./relations.service.js";
import { Predicate, RelationScore } from "./relations.type.js";

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
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<RelationScore[]> {
    const ends = [
      { text: subject, field: "subject" },
      { text: object, field: "object" },
    ] as const;
    return inferRelations(...ends, first, context);
  }

  @Query(() => [Neighbor], {
    nullable: true,
    description: "The lexicon's entries that best complete a triple of which subject or object is missing.",
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
    return inferRelations(concept, { text: object, field: "relationsTo.object" }, first, context);
  }
}
