import { Field, Float, Int, ObjectType, registerEnumType } from "type-graphql";
import { VectorScalar } from "../scalars/vector.scalar.js";

export enum Space {
  GROUNDED = "GROUNDED",
}

registerEnumType(Space, {
  name: "Space",
  description: "The space of an embedding.",
  valuesConfig: { GROUNDED: { description: "The space of words: the language model's pooled last layer." } },
});

// Plain values: the library's own resolver for each field would do nothing but take time.
@ObjectType({ description: "A text as a vector.", simpleResolvers: true })
export class Embedding {
  @Field(() => String)
  text!: string;

  @Field(() => VectorScalar)
  vector!: Float32Array;

  @Field(() => Float, { description: "Euclidean length before normalization." })
  norm!: number;

  @Field(() => Int, { description: "Tokens of the whole text, [CLS] and [SEP] included." })
  tokenCount!: number;

  @Field(() => Boolean, { description: "True where the text had more than the model's maxTokens." })
  truncated!: boolean;
}
