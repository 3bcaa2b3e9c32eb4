import { Field, Float, Int, ObjectType } from "type-graphql";

@ObjectType({
  description:
    "One principal component of the lexicon's vectors, named by the human norm that it predicts best.",
})
export class Axis {
  @Field(() => Int, { description: "From 0, by explained variance." })
  index!: number;

  @Field(() => String)
  name!: string;

  @Field(() => String, { nullable: true, description: "The norm that names the axis, if one predicts it." })
  norm!: string | null;

  @Field(() => Float, { nullable: true, description: "Pearson r with that norm, -1 to 1." })
  r!: number | null;

  @Field(() => Float, { description: "Share of the total variance, 0 to 1." })
  explainedVariance!: number;

  @Field(() => [String], { description: "Frequent words at the low end, most extreme first." })
  low!: string[];

  @Field(() => [String], { description: "Frequent words at the high end, most extreme first." })
  high!: string[];
}

@ObjectType({ description: "Where a concept stands on an axis." })
export class AxisScore {
  @Field(() => Axis)
  axis!: Axis;

  @Field(() => Float, { description: "(vector - mean) . component, in units of the raw vector." })
  value!: number;
}
