import sharp, { type Sharp } from "sharp";
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
const OPEN = { failOn: "error", sequentialRead: true } as const;

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
    // An animated WebP is told by its header alone, which costs a tenth of decoding: others are spared it.
    if (bytes[0] === FIRST_OF_WEBP) await checkHeader(bytes, field, limits);
    return await openPicture(bytes, limits.maxPixels)
      .resize(PICTURE_SIDE, PICTURE_SIDE, { fit: "fill", kernel: "linear" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer();
  } catch (error) {
    if (isGroundwireError(error)) throw error;
    // Where it is its size that was refused, this says so with the size.
    await checkHeader(bytes, field, limits);
    throw unreadable(`${field} must be an undamaged picture: ${firstLine(error)}`, error);
  }
}

/**
 * A picture as all who decode it see it: upright, on white where it is transparent. What is damaged for one of them is so
 * for all.
 * @param maxPixels most pixels that it may claim to have. @default those of `PICTURE_LIMITS`
 */
export function openPicture(bytes: Uint8Array, maxPixels = PICTURE_LIMITS.maxPixels): Sharp {
  return sharp(bytes, { ...OPEN, limitInputPixels: maxPixels })
    .timeout({ seconds: DECODE_SECONDS })
    .autoOrient()
    .flatten({ background: PAPER });
}

/** The "R" of RIFF; JPEG and PNG begin with others. */
const FIRST_OF_WEBP = 0x52;

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

/** Refuses what has several frames or too many pixels; a header that cannot be read passes. */
async function checkHeader(bytes: Uint8Array, field: string, { maxPixels }: PictureLimits): Promise<void> {
  const header = await sharp(bytes, { ...OPEN, limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (!header) return;
  const { width, height, pages = 1 } = header;
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
