import { Field, Float, Int, ObjectType } from "type-graphql";
import type { WordMap } from "../../grounding/ground-text.js";
import { BOX_LEVEL } from "../../grounding/heat-map.js";
import type { Photo } from "../../grounding/overlay.js";

@ObjectType({
  description: "A rectangle in shares of the picture's width and height, 0 to 1, from its left upper corner.",
})
export class Box {
  @Field(() => Float)
  x!: number;

  @Field(() => Float)
  y!: number;

  @Field(() => Float)
  width!: number;

  @Field(() => Float)
  height!: number;
}

@ObjectType({ description: "Where in a picture a word is." })
export class WordGrounding {
  @Field(() => String, { description: "The word as the text writes it." })
  text!: string;

  @Field(() => Float, {
    description:
      "Largest inner product with any position, unbounded: how strongly the picture shows the word.",
  })
  score!: number;

  @Field(() => [Float], {
    description: "One value a position, in row order: 0 where the word fits least, 1 where it fits best.",
  })
  values!: number[];

  @Field(() => Box, {
    description: `Around the best position and all that hang together with it at ${BOX_LEVEL} or more.`,
  })
  box!: Box;
}

@ObjectType({ description: "Where in a picture the words of a text are, and how well the two fit." })
export class Grounding {
  @Field(() => Float, {
    description: "Mean over the text's tokens of their largest inner product with any position, unbounded.",
  })
  score!: number;

  @Field(() => Int, { description: "Positions from top to bottom." })
  rows!: number;

  @Field(() => Int, { description: "Positions from left to right." })
  columns!: number;

  @Field(() => [WordGrounding])
  words!: WordGrounding[];

  @Field(() => Boolean, {
    description: "True where the text had more than the model's maxTokens; words beyond have no map.",
  })
  truncated!: boolean;

  image!: string;
  maps!: WordMap[];
  /** Opened for the first overlay that is asked for. */
  photo?: Promise<Photo>;
}
