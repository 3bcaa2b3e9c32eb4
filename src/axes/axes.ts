import type { AxesFile } from "../bundle/axes-file.js";
import { dot } from "../vectors.js";

export interface AxisScore {
  index: number;
  /** `(vector - mean) . component`, in units of the raw vector. */
  value: number;
}

/**
 * Projects a raw vector on every axis.
 * @param vector [D], not normalised.
 * @returns one score an axis, in the axes' order.
 */
export function projectAxes(file: AxesFile, vector: Float32Array): AxisScore[] {
  const centered = vector.map((value, i) => value - (file.mean[i] as number));
  return file.components.map((component, index) => ({ index, value: dot(component, centered) }));
}

/**
 * A linear read-out of a raw vector, e.g. "concreteness" on the human scale of 1 to 5. It is not clipped.
 * @returns undefined where the bundle has no read-out of this name.
 */
export function readout(file: AxesFile, name: string, vector: Float32Array): number | undefined {
  const found = file.readouts.find((candidate) => candidate.name === name);
  return found && dot(found.weights, vector) + found.bias;
}
