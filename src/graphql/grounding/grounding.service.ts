import { requireFile } from "../../bundle/bundle.js";
import { GroundwireError } from "../../errors.js";
import { groundText } from "../../grounding/ground-text.js";
import { renderOverlay } from "../../grounding/overlay.js";
import { readBase64Picture } from "../../pictures/base64.js";
import type { Relations } from "../../relations/relations.js";
import type { Context } from "../context.js";
import type { Grounding } from "./grounding.type.js";

/** @throws GroundwireError BAD_USER_INPUT where the bundle has seen no pictures; IMAGE_UNREADABLE, IMAGE_TOO_LARGE. */
export async function groundPicture(image: string, text: string, context: Context): Promise<Grounding> {
  const { encoder, bundle } = context.services;
  requireFile(bundle, "grounding.onnx", "grounding");
  const relations = context.services.relations as Relations;
  const loads = [
    context.photos.load({ image, field: "image" }),
    context.tokens.load({ text, field: "text" }),
  ] as const;
  const [photo, tokens] = await Promise.all(loads);
  const { words, side, ...found } = await groundText(text, photo.grid, tokens, { encoder, relations });
  const shown = words.map((word) => ({ ...word, values: Array.from(word.values) }));
  return { ...found, rows: side, columns: side, words: shown, maps: words, image };
}

/**
 * The picture with the maps of its words as a PNG, base64.
 * @param word index of the only word to show; all of them where it is missing
 */
export async function drawGrounding(
  { image, maps, rows }: Grounding,
  word: number | null | undefined,
): Promise<string> {
  const chosen = word == null ? maps : maps.slice(word, word + 1);
  if (word != null && (word < 0 || word >= maps.length)) {
    const message = `word must be an index of the ${maps.length} words, is ${word}`;
    throw new GroundwireError("BAD_USER_INPUT", message);
  }
  const png = await renderOverlay(readBase64Picture(image, "image"), chosen, rows);
  return png.toString("base64");
}
