import { Field, Float, Int, ObjectType } from "type-graphql";

@ObjectType({ description: "What one request may ask for." })
export class Limits {
  @Field(() => Int, { description: "Most items in a list argument." })
  maxTexts!: number;

  @Field(() => Int, { description: "Most UTF-16 code units of one text." })
  maxTextLength!: number;

  @Field(() => Int, { description: "Most neighbors in one answer." })
  maxFirst!: number;

  @Field(() => Int, { description: "Most bytes of a request body." })
  maxBodyBytes!: number;
}

@ObjectType({ description: "A linear reading of a vector, fitted to human judgments." })
export class Readout {
  @Field(() => String)
  name!: string;

  @Field(() => String, { description: "regression or classification." })
  kind!: string;

  @Field(() => Float, { description: "Cross-validated r (or accuracy): how far to trust it, at most 1." })
  r!: number;
}

@ObjectType({ description: "The bundle that is served." })
export class Model {
  @Field(() => String)
  name!: string;

  @Field(() => String, { description: "base (no photos seen), grounded or relational." })
  stage!: string;

  @Field(() => Int, { description: "Values in a vector." })
  dimension!: number;

  @Field(() => Int, {
    description: "Longest text in tokens, [CLS] and [SEP] included; longer ones are truncated and say so.",
  })
  maxTokens!: number;

  @Field(() => String, {
    description: "How token vectors become one: mean, or mean-words without [CLS] and [SEP].",
  })
  pooling!: string;

  @Field(() => String, { description: "Hash over all weights: vectors of different fingerprints never mix." })
  fingerprint!: string;

  @Field(() => Int, { description: "Words and phrases that neighbors are sought among." })
  lexiconSize!: number;

  @Field(() => Limits)
  limits!: Limits;

  @Field(() => [Readout])
  readouts!: Readout[];
}
