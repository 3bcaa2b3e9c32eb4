import { Field, Float, Int, ObjectType, registerEnumType } from "type-graphql";
import { Neighbor } from "../neighbors/neighbors.type.js";
import { VectorScalar } from "../scalars/vector.scalar.js";

export enum CompositionMethod {
  ENCODE = "ENCODE",
  SUM = "SUM",
}

registerEnumType(CompositionMethod, {
  name: "CompositionMethod",
  description: "How terms become one meaning.",
  valuesConfig: {
    ENCODE: {
      description:
        "Encode the terms of weight 1, joined by spaces, as one phrase; terms of negative weight are subtracted from it as in SUM.",
    },
    SUM: { description: "Sum of the terms' unit vectors times their weights." },
  },
});

@ObjectType({ description: "Several terms as one meaning." })
export class Composition {
  @Field(() => CompositionMethod)
  method!: CompositionMethod;

  @Field(() => String, { nullable: true, description: "The phrase that was encoded (ENCODE)." })
  text!: string | null;

  @Field(() => Boolean, {
    description: "True where a text that was encoded had more than the model's maxTokens.",
  })
  truncated!: boolean;

  @Field(() => VectorScalar, { description: "Length 1." })
  vector!: Float32Array;

  @Field(() => Float, { description: "Euclidean length before normalization." })
  norm!: number;

  @Field(() => [Neighbor])
  neighbors!: Neighbor[];
}

@ObjectType({ description: "The text that fits least with the others." })
export class OddOneOut {
  @Field(() => String)
  text!: string;

  @Field(() => Int, { description: "Its place in the list, from 0." })
  index!: number;

  @Field(() => [Float], { description: "Mean cosine of each text to the others, in the list's order." })
  scores!: number[];
}
