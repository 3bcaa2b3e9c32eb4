import type { Neighbor } from "@groundwire/client";
import { linkToWord } from "./address.js";
import { bars } from "./dom.js";

/** Neighbors by what they score; each leads to what it means itself. */
export function neighborBars(neighbors: readonly Neighbor[]): HTMLElement {
  return bars(
    neighbors.map(({ text, similarity }) => ({ label: text, href: linkToWord(text), value: similarity })),
  );
}
