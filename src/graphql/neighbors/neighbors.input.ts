import { Field, Float, ID, InputType, registerEnumType } from "type-graphql";
import { MetadataFilterInput } from "../collections/collections.input.js";
import { VectorScalar } from "../scalars/vector.scalar.js";

export enum EntryKind {
  WORD = "WORD",
  PHRASE = "PHRASE",
}

registerEnumType(EntryKind, {
  name: "EntryKind",
  description: "Single words, or phrases of several.",
});

@InputType({ description: "A text and how much it counts." })
export class TermInput {
  @Field(() => String)
  text!: string;

  @Field(() => Float, {
    nullable: true,
    defaultValue: 1,
    description: "-1000 to 1000; negative to subtract.",
  })
  weight?: number | null;
}

@InputType({ description: "Exactly one of text, vector or terms." })
export class ConceptQueryInput {
  @Field(() => String, { nullable: true })
  text?: string | null;

  @Field(() => VectorScalar, { nullable: true })
  vector?: Float32Array | null;

  @Field(() => [TermInput], { nullable: true, description: "Summed as unit vectors times their weights." })
  terms?: TermInput[] | null;
}

@InputType({ description: "Which entries of the lexicon count." })
export class NeighborFilter {
  @Field(() => EntryKind, { nullable: true })
  kind?: EntryKind | null;

  @Field(() => String, { nullable: true, description: "Only entries that begin with this." })
  prefix?: string | null;

  @Field(() => [String], { nullable: true, description: "Entries to leave out." })
  exclude?: string[] | null;

  @Field(() => Float, { nullable: true, description: "Least cosine, -1 to 1." })
  minSimilarity?: number | null;

  @Field(() => ID, {
    nullable: true,
    description: "Search this collection of texts, not the lexicon; the query's own texts are then kept.",
  })
  collection?: string | null;

  @Field(() => [MetadataFilterInput], { nullable: true, description: "Only in a collection; all must hold." })
  metadata?: MetadataFilterInput[] | null;
}
