import { expect, test } from "vitest";
import { projectAxes, readout } from "../../src/axes/axes.js";
import type { AxesFile } from "../../src/bundle/axes-file.js";

const axis = { name: "a", norm: null, r: null, low: [], high: [] };
const file: AxesFile = {
  mean: [1, 1],
  components: [
    [1, 0],
    [0, -1],
  ],
  explainedVariance: [0.6, 0.4],
  axes: [axis, axis],
  readouts: [{ name: "concreteness", kind: "regression", weights: [2, 3], bias: 0.5, r: 0.8, n: 10 }],
};

test("a vector is projected on every axis after the mean is taken off", () => {
  expect(projectAxes(file, Float32Array.of(4, 3))).toEqual([
    { index: 0, value: 3 },
    { index: 1, value: -2 },
  ]);
});

test("a read-out is linear in the raw vector, and absent where the bundle has none", () => {
  expect(readout(file, "concreteness", Float32Array.of(1, 2))).toBe(8.5);
  expect(readout(file, "size", Float32Array.of(1, 2))).toBeUndefined();
});
