import { Field, InputType } from "type-graphql";

@InputType()
export class TextPairInput {
  @Field(() => String)
  a!: string;

  @Field(() => String)
  b!: string;
}
