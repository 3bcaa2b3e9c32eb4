// Texts that no cache has seen: words of the lexicon, shuffled by a seed that no two calls share.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./harness.mjs";

export const words = readFileSync(join(bundle, "lexicon.txt"), "utf8").trim().split("\n");

/** mulberry32: small, seeded, good enough to pick words. */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes texts of 3 to 12 words, about the length of a caption. */
export function createTexts(seed) {
  const random = createRandom(seed);
  const pick = () => words[Math.floor(random() * words.length)];
  return () => Array.from({ length: 3 + Math.floor(random() * 10) }, pick).join(" ");
}
