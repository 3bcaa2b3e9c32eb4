// Pictures that are refused, each with its code, and odd ones that are not.
import { Buffer } from "node:buffer";
import { animatedPng, animatedWebp, bomb, halves, noise, plain } from "../helpers/pictures.mjs";

/** A file of which the end is missing. */
export async function half(bytes) {
  return (await bytes).subarray(0, 2000);
}

/** What each is, how it is made, and its code. */
export const badPictures = [
  ["nothing", () => Promise.resolve(""), "IMAGE_UNREADABLE"],
  ["an address", () => Promise.resolve("https://example.org/dog.jpg"), "IMAGE_UNREADABLE"],
  ["a data URI that is not base64", () => Promise.resolve("data:image/png,abc"), "IMAGE_UNREADABLE"],
  ["text", () => Promise.resolve(Buffer.from("this is no picture at all")), "IMAGE_UNREADABLE"],
  ["a GIF", () => plain("#123456").gif().toBuffer(), "IMAGE_UNREADABLE"],
  ["a TIFF", () => plain("#123456").tiff().toBuffer(), "IMAGE_UNREADABLE"],
  [
    "an SVG that names a file",
    () =>
      Promise.resolve(
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'),
      ),
    "IMAGE_UNREADABLE",
  ],
  ["a truncated JPEG", () => half(noise().jpeg().toBuffer()), "IMAGE_UNREADABLE"],
  ["a truncated PNG", () => half(noise().png().toBuffer()), "IMAGE_UNREADABLE"],
  ["a truncated WebP", () => half(noise().webp().toBuffer()), "IMAGE_UNREADABLE"],
  ["an animated WebP", animatedWebp, "IMAGE_UNREADABLE"],
  ["an animated PNG", animatedPng, "IMAGE_UNREADABLE"],
  ["a decompression bomb", () => bomb(100_000, 100_000), "IMAGE_TOO_LARGE"],
];

/** Pictures out of the ordinary that are answered, and how each is made. */
export const oddPictures = [
  ["a CMYK JPEG", () => halves().toColourspace("cmyk").jpeg().toBuffer()],
  ["a PNG of 16 bits", () => halves().toColourspace("rgb16").png().toBuffer()],
  ["a gray PNG", () => halves().toColourspace("b-w").png().toBuffer()],
  ["a JPEG that EXIF turns", () => halves().jpeg().withMetadata({ orientation: 6 }).toBuffer()],
  ["a transparent WebP", () => plain("#12345680").ensureAlpha(0.5).webp().toBuffer()],
  ["a picture of one pixel", () => plain("#123456", 1, 1).png().toBuffer()],
];
