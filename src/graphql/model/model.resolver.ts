import { Ctx, Query, Resolver } from "type-graphql";
import { MAX_TEXT_LENGTH } from "../../inference/tokenizer.js";
import { Context } from "../context.js";
import { Model } from "./model.type.js";

@Resolver()
export class ModelResolver {
  @Query(() => Model, { description: "The bundle that is served, and its limits." })
  model(@Ctx() { services, limits }: Context): Model {
    const { manifest, axes, lexicon } = services.bundle;
    const { name, stage, dimension, maxTokens, pooling, fingerprint } = manifest;
    return {
      ...{ name, stage, dimension, maxTokens, pooling, fingerprint },
      lexiconSize: lexicon.entries.length,
      limits: { ...limits, maxTextLength: MAX_TEXT_LENGTH },
      readouts: axes.readouts.map(({ name, kind, r }) => ({ name, kind, r })),
    };
  }
}
