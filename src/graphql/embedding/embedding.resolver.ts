import { Arg, Ctx, Float, Query, Resolver } from "type-graphql";
import type { Encoded } from "../../inference/encoder.js";
import { cosine, divide } from "../../vectors.js";
import { checkCount } from "../checks.js";
import { Context } from "../context.js";
import { loadWhole } from "../whole.js";
import { TextPairInput } from "./embedding.input.js";
import { Embedding, Space } from "./embedding.type.js";

@Resolver()
export class EmbeddingResolver {
  @Query(() => [Embedding], {
    nullable: "itemsAndList",
    description: "Texts as vectors, in order. A bad text is null with an error at its place.",
  })
  embed(
    @Ctx() context: Context,
    @Arg("texts", () => [String]) texts: string[],
    @Arg("space", () => Space, { nullable: true, defaultValue: Space.GROUNDED }) _space: Space,
    @Arg("normalize", () => Boolean, {
      nullable: true,
      defaultValue: true,
      description: "Scale to length 1.",
    })
    normalized: boolean,
  ): (Embedding | Promise<Embedding>)[] {
    checkCount(texts, "texts", context);
    const answer = (text: string, { vector, norm, tokenCount, truncated }: Encoded): Embedding => {
      return { text, vector: normalized ? divide(vector, norm || 1) : vector, norm, tokenCount, truncated };
    };
    return texts.map((text, i) => {
      const known = context.services.encoder.recall(text);
      if (known) return answer(text, known);
      return context.vectors.load({ text, field: `texts[${i}]` }).then((encoded) => answer(text, encoded));
    });
  }

  @Query(() => [Float], {
    nullable: "itemsAndList",
    description: "Cosine of each pair, -1 to 1, in order. A bad pair is null with an error at its place.",
  })
  similarity(
    @Ctx() context: Context,
    @Arg("pairs", () => [TextPairInput]) pairs: TextPairInput[],
  ): Promise<number>[] {
    checkCount(pairs, "pairs", context);
    return pairs.map(async ({ a, b }, i) => {
      const loads = [
        loadWhole({ text: a, field: `pairs[${i}].a` }, context),
        loadWhole({ text: b, field: `pairs[${i}].b` }, context),
      ] as const;
      const [first, second] = await Promise.all(loads);
      return cosine(first.vector, second.vector);
    });
  }
}
