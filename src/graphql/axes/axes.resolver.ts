import { Ctx, Query, Resolver } from "type-graphql";
import type { AxesFile } from "../../bundle/axes-file.js";
import { Context } from "../context.js";
import { Axis } from "./axes.type.js";

@Resolver()
export class AxesResolver {
  @Query(() => [Axis], { description: "The axes of the space, by explained variance." })
  axes(@Ctx() { services }: Context): Axis[] {
    return listAxes(services.bundle.axes);
  }
}

export function listAxes({ axes, explainedVariance }: AxesFile): Axis[] {
  return axes.map((axis, index) => ({
    ...axis,
    index,
    explainedVariance: explainedVariance[index] as number,
  }));
}
