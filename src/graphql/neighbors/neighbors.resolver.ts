import { Arg, Ctx, Int, Query, Resolver } from "type-graphql";
import { Context } from "../context.js";
import { ConceptQueryInput, NeighborFilter } from "./neighbors.input.js";
import { findPage } from "./neighbors.service.js";
import { NeighborConnection } from "./neighbors.type.js";

@Resolver()
export class NeighborsResolver {
  @Query(() => NeighborConnection, {
    nullable: true,
    description:
      "Entries of the lexicon by cosine, exact; equal ones by frequency. The query's own texts are left out.",
  })
  nearestNeighbors(
    @Ctx() context: Context,
    @Arg("query", () => ConceptQueryInput) query: ConceptQueryInput,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
    @Arg("after", () => String, { nullable: true }) after?: string | null,
    @Arg("filter", () => NeighborFilter, { nullable: true }) filter?: NeighborFilter | null,
  ): Promise<NeighborConnection> {
    return findPage(query, { first, after, filter }, context);
  }
}
