import { expect, test } from "vitest";
import { createPredicateFinder, editDistance } from "../../src/relations/predicates.js";

const find = createPredicateFinder([
  { name: "on", aliases: ["be on"], inverse: null, count: 9 },
  { name: "ride", aliases: ["riding", "on"], inverse: null, count: 4 },
]);

test("a name, an alias, any case and any run of spaces find a predicate", () => {
  expect([find("ride"), find("RIDING"), find("  be   on ")]).toEqual([1, 1, 0]);
});

test("a name wins over another predicate's alias of the same spelling", () => {
  expect(find("on")).toBe(0);
});

test("an unknown name of any length is refused with the nearest known names", () => {
  expect(() => find("ridng")).toThrow(
    'predicate must be a known name or alias, is "ridng"; the nearest are ride',
  );
  expect(() => find("x".repeat(100_000))).toThrow(/is "x{80}"; the nearest are/);
});

test("the edit distance counts insertions, deletions and replacements", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("same", "same")).toBe(0);
});
