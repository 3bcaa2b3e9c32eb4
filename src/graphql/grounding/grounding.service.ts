import { requireFile } from "../../bundle/bundle.js";
import { GroundwireError } from "../../errors.js";
import { groundText } from "../../grounding/ground-text.js";
import { drawOverlay, openPhoto } from "../../grounding/overlay.js";
import { readBase64Picture } from "../../pictures/base64.js";
import type { Step } from "../../pictures/visual-encoder.js";
import type { Relations } from "../../relations/relations.js";
import type { Context } from "../context.js";
import type { Grounding } from "./grounding.type.js";

/**
 * @throws GroundwireError BAD_USER_INPUT where the bundle has seen no pictures; IMAGE_UNREADABLE, IMAGE_TOO_LARGE;
 * OVERLOADED, TIMEOUT.
 */
export async function groundPicture(image: string, text: string, context: Context): Promise<Grounding> {
  const { services, signal } = context;
  const { encoder, bundle } = services;
  requireFile(bundle, "grounding.onnx", "grounding");
  const relations = services.relations as Relations;
  const loads = [
    context.photos.load({ image, field: "image" }),
    context.tokens.load({ text, field: "text" }),
  ] as const;
  const [photo, tokens] = await Promise.all(loads);
  const grounded = await groundText(text, photo.grid, tokens, { encoder, relations }, { signal });
  const { words, side, ...found } = grounded;
  const shown = words.map((word) => ({ ...word, values: Array.from(word.values) }));
  return { ...found, rows: side, columns: side, words: shown, maps: words, image };
}

/**
 * The picture with the maps of its words as a PNG, base64.
 * @param word index of the only word to show; all of them where it is missing
 * @throws GroundwireError BAD_USER_INPUT for a word that is not there; OVERLOADED, TIMEOUT.
 */
export async function drawGrounding(
  grounding: Grounding,
  word: number | null | undefined,
  { services, signal }: Context,
): Promise<string> {
  const { image, maps, rows } = grounding;
  const chosen = word == null ? maps : maps.slice(word, word + 1);
  if (word != null && (word < 0 || word >= maps.length)) {
    const message = `word must be an index of the ${maps.length} words, is ${word}`;
    throw new GroundwireError("BAD_USER_INPUT", message);
  }
  const draw = async (step: Step): Promise<Buffer> => {
    grounding.photo ??= step(() => openPhoto(readBase64Picture(image, "image")));
    return drawOverlay(await grounding.photo, chosen, rows, step);
  };
  return (await services.visual.draw(draw, { signal })).toString("base64");
}
