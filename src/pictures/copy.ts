import sharp from "sharp";
import { PICTURE_SIDE } from "./decode.js";

/** Little is lost at this quality. Huffman tables of its own would make a copy a little smaller and take as long again. */
const ENCODING = { quality: 90, chromaSubsampling: "4:4:4", optimizeCoding: false } as const;

/**
 * A small JPEG of what the model saw: shown as a thumbnail, and seen again when another model takes over.
 * @param pixels [224, 224, 3] RGB
 */
export function compressPicture(pixels: Uint8Array): Promise<Uint8Array> {
  const raw = { width: PICTURE_SIDE, height: PICTURE_SIDE, channels: 3 } as const;
  return sharp(pixels, { raw }).jpeg(ENCODING).toBuffer();
}
