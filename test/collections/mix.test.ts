import { expect, test } from "vitest";
import { mixQuery } from "../../src/collections/mix.js";
import { normalize } from "../../src/vectors.js";

const image = Float32Array.of(3, 0, 0);
const text = Float32Array.of(0, 5, 0);
const negative = Float32Array.of(0, 0, 2);

function expectVector(actual: Float32Array, wanted: number[]): void {
  wanted.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 6));
}

test.each([
  [0, [1, 0, 0]],
  [0.25, [0.75, 0.25, 0]],
  [0.5, [0.5, 0.5, 0]],
  [1, [0, 1, 0]],
])("alpha %d weighs unit vectors and the mix has length 1", (textWeight, direction) => {
  expectVector(mixQuery({ image, text, textWeight }), [...normalize(Float32Array.from(direction))]);
});

test("a picture alone or a text alone is itself, whatever the weight", () => {
  expectVector(mixQuery({ image, textWeight: 0.9 }), [1, 0, 0]);
  expectVector(mixQuery({ text, textWeight: 0.1 }), [0, 1, 0]);
});

test("half of the negative text's unit vector is subtracted", () => {
  expectVector(mixQuery({ image, negative, textWeight: 0.5 }), [...normalize(Float32Array.of(1, 0, -0.5))]);
});

test("opposite parts of equal weight are refused, for they point nowhere", () => {
  const opposite = Float32Array.of(-2, 0, 0);
  expect(() => mixQuery({ image, text: opposite, negative: undefined, textWeight: 0.5 })).toThrow(
    "must not cancel out",
  );
});
