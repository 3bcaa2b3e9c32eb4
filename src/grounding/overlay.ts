import sharp, { type OverlayOptions } from "sharp";
import { openPicture } from "../pictures/decode.js";
import type { Step } from "../pictures/visual-encoder.js";
import type { WordMap } from "./ground-text.js";

/** Longest side of one word's panel, pixels. */
const PANEL_SIDE = 320;
const TITLE_HEIGHT = 26;
const GAP = 6;
const PANELS_IN_A_ROW = 4;
/** Share of the picture that the hottest position hides. */
const OPACITY = 0.65;

/** What a panel shows below its map. */
export interface Photo {
  png: Buffer;
  width: number;
  height: number;
}

/**
 * A picture with the heat map and the box of each word, side by side, as a PNG with a palette.
 * @param bytes a picture that `decodePicture` has accepted
 * @param side positions in a row and in a column of every map
 */
export async function renderOverlay(
  bytes: Uint8Array,
  words: readonly WordMap[],
  side: number,
): Promise<Buffer> {
  return drawOverlay(await openPhoto(bytes), words, side);
}

/** @param bytes a picture that `decodePicture` has accepted */
export async function openPhoto(bytes: Uint8Array): Promise<Photo> {
  const { data, info } = await openPicture(bytes)
    .resize(PANEL_SIDE, PANEL_SIDE, { fit: "inside" })
    .toColourspace("srgb")
    .png()
    .toBuffer({ resolveWithObject: true });
  return { png: data, width: info.width, height: info.height };
}

/**
 * As `renderOverlay`, of a photo that is open.
 * @param step runs each part when its turn comes. @default at once
 * @throws what `step` does
 */
export async function drawOverlay(
  photo: Photo,
  words: readonly WordMap[],
  side: number,
  step: Step = (run) => run(),
): Promise<Buffer> {
  const panels: Buffer[] = [];
  // One after the other: those of a long text would all stand before the pictures that come next.
  for (const word of words) panels.push(await step(() => renderPanel(photo, word, side)));
  return step(() => joinPanels(panels, photo.width, photo.height + TITLE_HEIGHT));
}

async function renderPanel({ png, width, height }: Photo, word: WordMap, side: number): Promise<Buffer> {
  const heat = await sharp(colorize(word.values), { raw: { width: side, height: side, channels: 4 } })
    .resize(width, height, { fit: "fill", kernel: "cubic" })
    .png()
    .toBuffer();
  return sharp(png)
    .extend({ top: TITLE_HEIGHT, background: "#ffffff" })
    .composite([
      { input: heat, top: TITLE_HEIGHT, left: 0 },
      { input: Buffer.from(drawBox(word, width, height)), top: 0, left: 0 },
    ])
    .png()
    .toBuffer();
}

function joinPanels(panels: readonly Buffer[], width: number, height: number): Promise<Buffer> {
  const columns = Math.max(1, Math.min(PANELS_IN_A_ROW, panels.length));
  const rows = Math.max(1, Math.ceil(panels.length / columns));
  const placed: OverlayOptions[] = panels.map((input, i) => ({
    input,
    left: (i % columns) * (width + GAP),
    top: Math.floor(i / columns) * (height + GAP),
  }));
  const size = { width: columns * (width + GAP) - GAP, height: rows * (height + GAP) - GAP };
  return sharp({ create: { ...size, channels: 3, background: "#ffffff" } })
    .composite(placed)
    .png({ palette: true, dither: 0 })
    .toBuffer();
}

/** Values 0 to 1 as RGBA: clear where cold, over yellow to red where hot. */
function colorize(values: Float32Array): Buffer {
  const pixels = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    const green = Math.round(220 * (1 - value));
    pixels.set([255, green, 0, Math.round(255 * OPACITY * value)], i * 4);
  });
  return pixels;
}

function drawBox({ text, score, box }: WordMap, width: number, height: number): string {
  const title = escapeXml(`${text}  ${score.toFixed(2)}`);
  const rectangle = [
    `x="${box.x * width + 1}" y="${TITLE_HEIGHT + box.y * height + 1}"`,
    `width="${Math.max(1, box.width * width - 2)}" height="${Math.max(1, box.height * height - 2)}"`,
  ].join(" ");
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + TITLE_HEIGHT}">` +
    `<text x="4" y="18" font-family="sans-serif" font-size="15" fill="#111">${title}</text>` +
    `<rect ${rectangle} fill="none" stroke="#0af" stroke-width="2"/></svg>`
  );
}

function escapeXml(text: string): string {
  // Control characters are not allowed in XML at all.
  const visible = text.replace(/\p{Cc}/gu, " ");
  return visible.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
