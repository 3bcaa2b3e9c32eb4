import { Field, Float, Int, ObjectType } from "type-graphql";

@ObjectType({ description: "A relation that the model knows." })
export class Predicate {
  @Field(() => String)
  name!: string;

  @Field(() => [String], { description: "Other spellings that are understood." })
  aliases!: string[];

  @Field(() => String, {
    nullable: true,
    description: "The predicate that reads the same pair from its other end: X above Y is Y below X.",
  })
  inverse!: string | null;

  @Field(() => Int, { description: "Times that the text-only training triples use it." })
  count!: number;
}

@ObjectType({ description: "How well a predicate relates a subject to an object." })
export class RelationScore {
  @Field(() => Predicate)
  predicate!: Predicate;

  @Field(() => Float, { description: "Bilinear score, unbounded; comparable within one answer." })
  score!: number;

  @Field(() => Float, { description: "Softmax of the scores over all predicates, 0 to 1." })
  probability!: number;

  @Field(() => Boolean, { description: "Whether training saw this very triple; else it is inferred." })
  seen!: boolean;

  @Field(() => Int, { description: "Times that training saw this very triple." })
  count!: number;
}

@ObjectType({ description: "One pair of a list with its relations." })
export class PairRelations {
  @Field(() => String)
  subject!: string;

  @Field(() => String)
  object!: string;

  @Field(() => [RelationScore])
  relations!: RelationScore[];
}
