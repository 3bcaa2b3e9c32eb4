import { Arg, Ctx, Int, Query, Resolver } from "type-graphql";
import { Context } from "../context.js";
import { TermInput } from "../neighbors/neighbors.input.js";
import { Neighbor } from "../neighbors/neighbors.type.js";
import { composeTerms, findOddOneOut, solveAnalogy } from "./composition.service.js";
import { Composition, CompositionMethod, OddOneOut } from "./composition.type.js";

@Resolver()
export class CompositionResolver {
  @Query(() => Composition, {
    nullable: true,
    description: "Several terms as one meaning, with its neighbors.",
  })
  compose(
    @Ctx() context: Context,
    @Arg("terms", () => [TermInput]) terms: TermInput[],
    @Arg("method", () => CompositionMethod, { nullable: true, defaultValue: CompositionMethod.ENCODE })
    method: CompositionMethod,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
    @Arg("excludeTerms", () => Boolean, {
      nullable: true,
      defaultValue: true,
      description: "Leave out the terms and their words.",
    })
    excludeTerms: boolean,
  ): Promise<Composition> {
    return composeTerms({ terms, method, first, excludeTerms }, context);
  }

  @Query(() => [Neighbor], {
    nullable: true,
    description: "a is to b as c is to what? Entries nearest to b - a + c.",
  })
  analogy(
    @Ctx() context: Context,
    @Arg("a", () => String) a: string,
    @Arg("b", () => String) b: string,
    @Arg("c", () => String) c: string,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
  ): Promise<Neighbor[]> {
    return solveAnalogy(a, b, c, first, context);
  }

  @Query(() => OddOneOut, { nullable: true, description: "Of three or more texts the one that fits least." })
  oddOneOut(@Ctx() context: Context, @Arg("texts", () => [String]) texts: string[]): Promise<OddOneOut> {
    return findOddOneOut(texts, context);
  }
}
