import { Field, Float, ID, Int, ObjectType, registerEnumType } from "type-graphql";
import type { CollectionInfo } from "../../collections/vector-store.js";
import { PageInfo } from "../neighbors/neighbors.type.js";

export enum CollectionKind {
  TEXTS = "TEXTS",
  IMAGES = "IMAGES",
}

registerEnumType(CollectionKind, { name: "CollectionKind", description: "What a collection holds." });

@ObjectType({ description: "A value that an item is filtered by. A key may have several." })
export class MetadataEntry {
  @Field(() => String)
  key!: string;

  @Field(() => String)
  value!: string;
}

@ObjectType({ description: "A text or picture of a collection." })
export class CollectionItem {
  @Field(() => ID)
  id!: string;

  @Field(() => String, { nullable: true, description: "Null for a picture." })
  text!: string | null;

  @Field(() => [MetadataEntry])
  metadata!: MetadataEntry[];
}

@ObjectType()
export class CollectionItemEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => CollectionItem)
  node!: CollectionItem;
}

@ObjectType({
  description: "A page of items in the order of their ids, after the Relay cursor specification.",
})
export class CollectionItemConnection {
  @Field(() => [CollectionItemEdge])
  edges!: CollectionItemEdge[];

  @Field(() => [CollectionItem])
  nodes!: CollectionItem[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType({ description: "A user's own texts or pictures, with vectors of one model." })
export class Collection {
  /** Not a field: what the other fields are read from. */
  info!: CollectionInfo;

  @Field(() => ID)
  id!: string;

  @Field(() => CollectionKind)
  kind!: CollectionKind;

  @Field(() => String, { description: "Name of the bundle that its vectors come from." })
  model!: string;

  @Field(() => String, { description: "Hash over that bundle's weights." })
  fingerprint!: string;

  @Field(() => Boolean, {
    description:
      "Whether its vectors are of the served model; if not, `groundwire reembed ID` makes them so.",
  })
  current!: boolean;

  @Field(() => Int)
  dimension!: number;

  @Field(() => Date)
  createdAt!: Date;
}

@ObjectType({ description: "A picture of a collection, ranked by cosine." })
export class ImageHit {
  @Field(() => ID)
  id!: string;

  @Field(() => Float, { description: "Cosine, -1 to 1." })
  similarity!: number;

  @Field(() => Int, { description: "From 1." })
  rank!: number;

  @Field(() => [MetadataEntry])
  metadata!: MetadataEntry[];

  @Field(() => String, {
    nullable: true,
    description: "What the model saw, 224 x 224 squashed, as a data URI of a JPEG.",
  })
  thumbnail!: string | null;
}

@ObjectType()
export class ImageHitEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => ImageHit)
  node!: ImageHit;
}

@ObjectType({ description: "A page of pictures, after the Relay cursor specification." })
export class ImageHitConnection {
  @Field(() => [ImageHitEdge])
  edges!: ImageHitEdge[];

  @Field(() => [ImageHit])
  nodes!: ImageHit[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType({ description: "An item that is durable now." })
export class UpsertedItem {
  @Field(() => ID)
  id!: string;

  @Field(() => Boolean, {
    description: "True where the text had more than the model's maxTokens: its vector is of the beginning.",
  })
  truncated!: boolean;
}
