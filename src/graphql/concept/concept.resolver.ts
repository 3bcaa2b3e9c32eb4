import { Arg, Ctx, FieldResolver, Float, Int, Query, Resolver, Root } from "type-graphql";
import { projectAxes, readout } from "../../axes/axes.js";
import type { Encoded } from "../../inference/encoder.js";
import { checkText } from "../../inference/tokenizer.js";
import { cosine, normalize } from "../../vectors.js";
import { listAxes } from "../axes/axes.resolver.js";
import { AxisScore } from "../axes/axes.type.js";
import { checkCount, checkFirst } from "../checks.js";
import { Context } from "../context.js";
import { findNeighbors } from "../neighbors/neighbors.service.js";
import { Neighbor } from "../neighbors/neighbors.type.js";
import { VectorScalar } from "../scalars/vector.scalar.js";
import { loadWhole } from "../whole.js";
import { Concept } from "./concept.type.js";

@Resolver(() => Concept)
export class ConceptResolver {
  @Query(() => Concept, { nullable: true, description: "A word or phrase with its meaning." })
  concept(@Arg("text", () => String) text: string): Concept {
    checkText(text, "text");
    return { text, field: "text" };
  }

  @Query(() => [Concept], {
    nullable: "itemsAndList",
    description:
      "Words and phrases with their meanings, in order. A bad text is null with an error at its place.",
  })
  concepts(@Ctx() context: Context, @Arg("texts", () => [String]) texts: string[]): (Concept | Error)[] {
    checkCount(texts, "texts", context);
    // Nothing is encoded yet, so that all that the fields need travels in one batch.
    return texts.map((text, i) => {
      const field = `texts[${i}]`;
      try {
        checkText(text, field);
        return { text, field };
      } catch (error) {
        return error as Error;
      }
    });
  }

  @FieldResolver(() => VectorScalar)
  async vector(
    @Root() concept: Concept,
    @Ctx() context: Context,
    @Arg("normalize", () => Boolean, {
      nullable: true,
      defaultValue: true,
      description: "Scale to length 1.",
    })
    normalized: boolean,
  ): Promise<Float32Array> {
    const { vector } = await load(concept, context);
    return normalized ? normalize(vector) : vector;
  }

  @FieldResolver(() => Float, { description: "Euclidean length of the raw vector." })
  async norm(@Root() concept: Concept, @Ctx() context: Context): Promise<number> {
    return (await load(concept, context)).norm;
  }

  @FieldResolver(() => Boolean, {
    description: "Whether the text, as it is written, is an entry of the lexicon.",
  })
  inLexicon(@Root() { text }: Concept, @Ctx() { services }: Context): boolean {
    return services.lexicon.indexOf(text) >= 0;
  }

  @FieldResolver(() => Int, { description: "Tokens of the whole text, [CLS] and [SEP] included." })
  async tokenCount(@Root() concept: Concept, @Ctx() context: Context): Promise<number> {
    return (await load(concept, context)).tokenCount;
  }

  @FieldResolver(() => Boolean, { description: "True where the text had more than the model's maxTokens." })
  async truncated(@Root() concept: Concept, @Ctx() context: Context): Promise<boolean> {
    return (await load(concept, context)).truncated;
  }

  @FieldResolver(() => Float, {
    nullable: true,
    description:
      "Predicted human rating of concreteness on its scale of 1 to 5, not clipped; null without that read-out.",
  })
  async concreteness(@Root() concept: Concept, @Ctx() context: Context): Promise<number | undefined> {
    return readout(context.services.bundle.axes, "concreteness", (await load(concept, context)).vector);
  }

  @FieldResolver(() => [AxisScore], {
    description: "The axes on which the concept stands out most, by |value|.",
  })
  async axes(
    @Root() concept: Concept,
    @Ctx() context: Context,
    @Arg("first", () => Int, { nullable: true, defaultValue: 5 }) first: number,
  ): Promise<AxisScore[]> {
    checkFirst(first, context);
    const file = context.services.bundle.axes;
    const scores = projectAxes(file, (await load(concept, context)).vector);
    const axes = listAxes(file);
    scores.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    return scores
      .slice(0, first)
      .map(({ index, value }) => ({ axis: axes[index] as AxisScore["axis"], value }));
  }

  @FieldResolver(() => [Neighbor], { description: "Entries of the lexicon by cosine." })
  async neighbors(
    @Root() concept: Concept,
    @Ctx() context: Context,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
    @Arg("excludeSelf", () => Boolean, {
      nullable: true,
      defaultValue: true,
      description: "Leave out the text and its words.",
    })
    excludeSelf: boolean,
  ): Promise<Neighbor[]> {
    const { vector } = await load(concept, context);
    return findNeighbors(vector, first, excludeSelf ? [concept.text] : [], context);
  }

  @FieldResolver(() => Float, { nullable: true, description: "Cosine to another text, -1 to 1." })
  async similarityTo(
    @Root() concept: Concept,
    @Ctx() context: Context,
    @Arg("text", () => String) text: string,
  ): Promise<number> {
    const loads = [load(concept, context), loadWhole({ text, field: "similarityTo.text" }, context)] as const;
    const [own, other] = await Promise.all(loads);
    return cosine(own.vector, other.vector);
  }
}

/** All that the model knows of a concept, token counts included: one computation, however many fields ask for it. */
function load({ text, field }: Concept, context: Context): Promise<Encoded> {
  return context.vectors.load({ text, field });
}
