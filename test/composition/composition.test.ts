import { expect, test } from "vitest";
import { meanSimilarities, ownEntries } from "../../src/composition/composition.js";
import { cosine } from "../../src/vectors.js";
import { createRandom } from "../helpers/random.js";

test("mean similarities are those of comparing every pair", () => {
  const random = createRandom(7);
  const vectors = Array.from({ length: 9 }, () => Float32Array.from({ length: 16 }, () => random(200) - 100));
  const slow = vectors.map((vector) => {
    const others = vectors.filter((other) => other !== vector);
    return others.reduce((sum, other) => sum + cosine(vector, other), 0) / others.length;
  });
  meanSimilarities(vectors).forEach((value, i) => expect(value).toBeCloseTo(slow[i] as number, 6));
});

test("a phrase's own entries are itself and its words", () => {
  expect(ownEntries([" Striped Horse "])).toEqual(["striped horse", "striped", "horse"]);
});
