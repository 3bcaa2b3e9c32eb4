import { Field, InputType } from "type-graphql";

@InputType()
export class ObjectPairInput {
  @Field(() => String)
  subject!: string;

  @Field(() => String)
  object!: string;
}
