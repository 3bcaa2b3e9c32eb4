// Photos that anybody can make again: seeded, 500 pixels on the longer side, as the photos of caption data sets are.
import { Buffer } from "node:buffer";
import { linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { createRandom } from "./texts.mjs";

const SIZES = [
  [500, 375],
  [375, 500],
  [500, 333],
];
const QUALITY = 85;

/** JPEGs of soft colors, a few hard-edged things and grain: about as hard to decode as photos of their size. */
export async function makePhotos(folder, count, seed = 1) {
  mkdirSync(folder, { recursive: true });
  const paths = [];
  for (let i = 0; i < count; i++) {
    const path = join(folder, `photo-${String(i).padStart(5, "0")}.jpg`);
    await makePhoto(createRandom(seed + i), SIZES[i % SIZES.length]).toFile(path);
    paths.push(path);
  }
  return paths;
}

/** Names `count` files after a few, so that many pictures take little room on the disk. */
export function linkPhotos(paths, folder, count) {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++)
    linkSync(paths[i % paths.length], join(folder, `photo-${String(i).padStart(5, "0")}.jpg`));
  return folder;
}

function makePhoto(random, [width, height]) {
  const pixels = Buffer.alloc(width * height * 3);
  const waves = Array.from({ length: 3 }, () => [
    random() / 60,
    random() / 60,
    random() * 6,
    40 + 60 * random(),
  ]);
  const things = Array.from({ length: 6 }, () => ({
    x: random() * width,
    y: random() * height,
    size: 15 + random() * 90,
    color: [random() * 160 - 80, random() * 160 - 80, random() * 160 - 80],
  }));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const thing = things.find((it) => Math.abs(x - it.x) + Math.abs(y - it.y) < it.size);
      const grain = 14 * (random() - 0.5);
      waves.forEach(([dx, dy, phase, strength], channel) => {
        const light =
          128 + strength * Math.sin(dx * x + dy * y + phase) + (thing?.color[channel] ?? 0) + grain;
        pixels[at++] = Math.max(0, Math.min(255, light));
      });
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } }).jpeg({ quality: QUALITY });
}
