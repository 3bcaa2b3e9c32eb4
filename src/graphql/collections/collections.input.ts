import { Field, Float, ID, InputType } from "type-graphql";
import { ImageScalar } from "../scalars/image.scalar.js";

@InputType()
export class MetadataEntryInput {
  @Field(() => String, { description: "1 to 128 characters." })
  key!: string;

  @Field(() => String, { description: "At most 1024 characters." })
  value!: string;
}

@InputType({ description: "Holds for items that have one of the values for the key." })
export class MetadataFilterInput {
  @Field(() => String)
  key!: string;

  @Field(() => [String])
  in!: string[];
}

@InputType()
export class TextItemInput {
  @Field(() => ID, { description: "An item of the same id is replaced. 1 to 512 characters." })
  id!: string;

  @Field(() => String)
  text!: string;

  @Field(() => [MetadataEntryInput], { nullable: true })
  metadata?: MetadataEntryInput[] | null;
}

@InputType()
export class ImageItemInput {
  @Field(() => ID, { description: "An item of the same id is replaced. 1 to 512 characters." })
  id!: string;

  @Field(() => ImageScalar)
  image!: string;

  @Field(() => [MetadataEntryInput], { nullable: true })
  metadata?: MetadataEntryInput[] | null;
}

@InputType({ description: "A picture, a text, or both." })
export class ImageQueryInput {
  @Field(() => String, { nullable: true })
  text?: string | null;

  @Field(() => ImageScalar, { nullable: true })
  image?: string | null;

  @Field(() => Float, {
    nullable: true,
    description: "alpha of (1 - alpha) image + alpha text, both at length 1; 0 to 1, 0.5 unless given.",
  })
  textWeight?: number | null;

  @Field(() => String, {
    nullable: true,
    description: "What pictures should not show: half of its vector is subtracted.",
  })
  negativeText?: string | null;

  @Field(() => [MetadataFilterInput], { nullable: true, description: "All must hold." })
  metadata?: MetadataFilterInput[] | null;
}
