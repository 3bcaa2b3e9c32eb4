import { Buffer } from "node:buffer";
import sharp from "sharp";

/** A picture of one color. */
export function plain(color, width = 40, height = 30) {
  return sharp({ create: { width, height, channels: 3, background: color } });
}

/** White on its left half, black on its right. */
export function halves(width = 80, height = 40) {
  const left = { create: { width: width / 2, height, channels: 3, background: "#ffffff" } };
  return plain("#000000", width, height).composite([{ input: left, left: 0, top: 0 }]);
}

/** Noise, which does not compress away: what is cut off its end is missed. */
export function noise(width = 200, height = 150) {
  const options = { type: "gaussian", mean: 128, sigma: 40 };
  return sharp({ create: { width, height, channels: 3, background: "#808080", noise: options } });
}

/** A valid PNG header that claims a size, with no pixels behind it. */
export async function bomb(width, height) {
  const png = await plain("#ffffff", 1, 1).png().toBuffer();
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

/** An animated WebP of two frames. */
export async function animatedWebp() {
  const frames = await Promise.all(
    ["#ff0000", "#0000ff"].map((color) => plain(color, 20, 20).png().toBuffer()),
  );
  return sharp(frames, { join: { animated: true } })
    .webp()
    .toBuffer();
}

/** A PNG with the chunk that makes an APNG of it. */
export async function animatedPng() {
  const png = await plain("#ff0000", 20, 20).png().toBuffer();
  const chunk = Buffer.alloc(20);
  chunk.writeUInt32BE(8, 0);
  chunk.write("acTL", 4, "latin1");
  chunk.writeUInt32BE(2, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 16)), 16);
  const afterHeader = 33;
  return Buffer.concat([png.subarray(0, afterHeader), chunk, png.subarray(afterHeader)]);
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
