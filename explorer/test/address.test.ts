import { expect, test } from "vitest";
import { linkToWord, readAddress, writeAddress } from "../src/address.js";
import { parseTerms } from "../src/panels/compose.js";

test("an address is read as it was written, whatever stands in it", () => {
  const address = { panel: "word", values: { text: "rock & roll? #1 + ä", other: "50 %" } };
  expect(readAddress(writeAddress(address))).toEqual(address);
});

test("empty fields are not in the address", () => {
  expect(writeAddress({ panel: "relations", values: { subject: "man", predicate: "" } })).toBe(
    "#/relations?subject=man",
  );
  expect(linkToWord("red car")).toBe("#/word?text=red+car");
});

test("what is no address names no panel", () => {
  for (const hash of ["", "#", "#word"]) expect(readAddress(hash)).toEqual({ panel: "", values: {} });
});

test("signs between spaces part terms, and hyphens do not", () => {
  expect(parseTerms("king - man + woman")).toEqual([
    { text: "king", weight: 1 },
    { text: "man", weight: -1 },
    { text: "woman", weight: 1 },
  ]);
  expect(parseTerms("ice-cream")).toEqual([{ text: "ice-cream", weight: 1 }]);
});
