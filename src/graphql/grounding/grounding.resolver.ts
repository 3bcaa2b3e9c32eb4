import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from "type-graphql";
import { Context } from "../context.js";
import { ImageScalar } from "../scalars/image.scalar.js";
import { drawGrounding, groundPicture } from "./grounding.service.js";
import { Grounding } from "./grounding.type.js";

@Resolver(() => Grounding)
export class GroundingResolver {
  @Query(() => Grounding, {
    nullable: true,
    description: "Where in a picture each word of a text is, and how well the two fit.",
  })
  ground(
    @Ctx() context: Context,
    @Arg("image", () => ImageScalar) image: string,
    @Arg("text", () => String) text: string,
  ): Promise<Grounding> {
    return groundPicture(image, text, context);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      "The picture with heat maps and boxes as a PNG in base64: of one word by its index, or of all.",
  })
  overlay(
    @Root() grounding: Grounding,
    @Ctx() context: Context,
    @Arg("word", () => Int, { nullable: true }) word: number | null | undefined,
  ): Promise<string> {
    return drawGrounding(grounding, word, context);
  }
}
