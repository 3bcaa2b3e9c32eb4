import { Field, ObjectType } from "type-graphql";

@ObjectType({ description: "What a word or phrase means: its vector, and reasons in words." })
export class Concept {
  @Field(() => String)
  text!: string;

  /** Name of the text in error messages. */
  field!: string;
}
