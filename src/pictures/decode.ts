import sharp, { type Metadata } from "sharp";
import { GroundwireError, isGroundwireError } from "../errors.js";

/** Side of the square that the model sees, pixels. */
export const PICTURE_SIDE = 224;

export interface PictureLimits {
  /** Most bytes of one picture as it arrives, before it is decoded. */
  maxBytes: number;
  /** Most pixels (width x height) that a picture may claim to have. */
  maxPixels: number;
}

/** A phone's largest photos pass; what decodes to more than 200 MB does not. */
export const PICTURE_LIMITS: PictureLimits = { maxBytes: 32 * 1024 * 1024, maxPixels: 64_000_000 };

/** Longest time that one picture may take to decode, seconds. */
const DECODE_SECONDS = 20;
/** What lies below transparent pixels, as on a page. */
const PAPER = "#ffffff";

// Every picture is seen once, so that libvips's cache would only grow; parallel pictures use the cores better than
// parallel rows of one picture.
sharp.cache(false);
sharp.concurrency(1);

/**
 * A JPEG, PNG or WebP as the model sees it: upright, sRGB, on white where it is transparent, squashed to a square.
 * @param bytes the file's content
 * @param field the picture's name in messages, e.g. `items[3].image`
 * @returns [224, 224, 3] RGB bytes
 * @throws GroundwireError IMAGE_TOO_LARGE, or IMAGE_UNREADABLE for other formats, damaged files and animations.
 */
export async function decodePicture(
  bytes: Uint8Array,
  field: string,
  limits: PictureLimits = PICTURE_LIMITS,
): Promise<Uint8Array> {
  if (bytes.length > limits.maxBytes) {
    throw tooLarge(`${field} must have at most ${limits.maxBytes} bytes, has ${bytes.length}`);
  }
  checkFormat(bytes, field);
  try {
    // The limit is checked below, with the picture's size in the message.
    const picture = sharp(bytes, { limitInputPixels: false, failOn: "error", sequentialRead: true });
    checkMetadata(await picture.metadata(), field, limits);
    return await picture
      .timeout({ seconds: DECODE_SECONDS })
      .autoOrient()
      .flatten({ background: PAPER })
      .resize(PICTURE_SIDE, PICTURE_SIDE, { fit: "fill", kernel: "linear" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer();
  } catch (error) {
    if (isGroundwireError(error)) throw error;
    throw unreadable(`${field} must be an undamaged picture: ${firstLine(error)}`, error);
  }
}

type Signature = [name: string, matches: (bytes: Buffer) => boolean];

const SIGNATURES: Signature[] = [
  ["JPEG", (bytes) => bytes.readUIntBE(0, 3) === 0xffd8ff],
  ["PNG", (bytes) => bytes.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n"],
  [
    "WebP",
    (bytes) => bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP",
  ],
];

/** Only three decoders are ever reached by what comes from outside, whatever else libvips can read. */
function checkFormat(bytes: Uint8Array, field: string): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length === 0) throw unreadable(`${field} must not be empty`);
  if (view.length >= 12 && SIGNATURES.some(([, matches]) => matches(view))) {
    if (isAnimatedPng(view)) throw unreadable(`${field} must be a single picture, is an animated PNG`);
    return;
  }
  const names = SIGNATURES.map(([name]) => name).join(", ");
  throw unreadable(`${field} must be one of ${names}, begins with the bytes ${view.toString("hex", 0, 8)}`);
}

/** The decoder would show the first frame of an animated PNG without a word: its acTL chunk stands before any IDAT. */
function isAnimatedPng(bytes: Buffer): boolean {
  if (bytes[0] !== 0x89) return false;
  for (let at = 8; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const chunk = bytes.toString("latin1", at + 4, at + 8);
    if (chunk === "acTL") return true;
    if (chunk === "IDAT") return false;
  }
  return false;
}

function checkMetadata(
  { width, height, pages = 1 }: Metadata,
  field: string,
  { maxPixels }: PictureLimits,
): void {
  if (pages > 1) throw unreadable(`${field} must be a single picture, has ${pages} frames`);
  if (width * height > maxPixels) {
    throw tooLarge(`${field} must have at most ${maxPixels} pixels, has ${width} x ${height}`);
  }
}

function tooLarge(message: string): GroundwireError {
  return new GroundwireError("IMAGE_TOO_LARGE", message);
}

function unreadable(message: string, cause?: unknown): GroundwireError {
  return new GroundwireError("IMAGE_UNREADABLE", message, { cause });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] as string;
}
