import DataLoader from "dataloader";
import type { Encoded } from "../../inference/encoder.js";
import type { EncodedPicture } from "../../pictures/visual-encoder.js";
import type { Services } from "../../services.js";
import type { NamedText } from "../context.js";

/** A picture with its name in error messages. */
export interface NamedImage {
  image: string;
  field: string;
}

/** Pictures with their grids and texts with their tokens, each computed once a request. */
export function createGroundingLoaders(
  { visual, encoder }: Pick<Services, "visual" | "encoder">,
  signal: AbortSignal,
) {
  return {
    photos: new DataLoader<NamedImage, EncodedPicture, string>(
      (keys) => {
        const fields = keys.map(({ field }) => field);
        return visual.encode(
          keys.map(({ image }) => image),
          { fields, signal, withGrid: true },
        );
      },
      { cacheKeyFn: ({ image }) => image },
    ),
    tokens: new DataLoader<NamedText, Encoded, string>(
      (keys) => {
        const fields = keys.map(({ field }) => field);
        return encoder.encode(
          keys.map(({ text }) => text),
          { fields, signal, output: "tokens" },
        );
      },
      { cacheKeyFn: ({ text }) => text },
    ),
  };
}
