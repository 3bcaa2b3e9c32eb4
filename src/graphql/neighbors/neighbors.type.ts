import { Field, Float, ID, Int, ObjectType } from "type-graphql";

@ObjectType({ description: "An entry of the lexicon, ranked by cosine." })
export class Neighbor {
  @Field(() => String)
  text!: string;

  @Field(() => Float, {
    description: "Cosine, -1 to 1; of completeRelation the score of the triple, unbounded.",
  })
  similarity!: number;

  @Field(() => Int, { description: "From 1." })
  rank!: number;

  @Field(() => ID, { nullable: true, description: "Null for an entry of the lexicon." })
  id?: string | null;
}

@ObjectType()
export class NeighborEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => Neighbor)
  node!: Neighbor;
}

@ObjectType()
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

@ObjectType({ description: "A page of neighbors, after the Relay cursor specification." })
export class NeighborConnection {
  @Field(() => [NeighborEdge])
  edges!: NeighborEdge[];

  @Field(() => [Neighbor])
  nodes!: Neighbor[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}
