import { GroundwireError } from "../errors.js";
import type { Context } from "./context.js";

/** Most neighbors in one answer. */
export const MAX_FIRST = 1000;

/** @throws GroundwireError TOO_MANY_INPUTS naming the field, the limit and the count. */
export function checkCount(items: readonly unknown[], field: string, { limits }: Context): void {
  if (items.length <= limits.maxTexts) return;
  const message = `${field} must have at most ${limits.maxTexts} items, has ${items.length}`;
  throw new GroundwireError("TOO_MANY_INPUTS", message);
}

/** @throws GroundwireError BAD_USER_INPUT where `first` is not 1 to the limit. */
export function checkFirst(first: number, { limits }: Context): void {
  if (first >= 1 && first <= limits.maxFirst) return;
  throw new GroundwireError("BAD_USER_INPUT", `first must be 1 to ${limits.maxFirst}, is ${first}`);
}

/** @throws GroundwireError DIMENSION_MISMATCH */
export function checkDimension(vector: Float32Array, field: string, { services }: Context): void {
  const { dimension } = services.encoder;
  if (vector.length === dimension) return;
  const message = `${field} must have ${dimension} values, has ${vector.length}`;
  throw new GroundwireError("DIMENSION_MISMATCH", message);
}

/** @throws GroundwireError DIMENSION_MISMATCH, or BAD_USER_INPUT for a vector of zeros. */
export function checkVector(vector: Float32Array, field: string, context: Context): void {
  checkDimension(vector, field, context);
  if (vector.every((value) => value === 0))
    throw new GroundwireError("BAD_USER_INPUT", `${field} must not be zero: it points nowhere`);
}

/** Largest weight of a term, either sign: sums stay far from the ends of float32. */
export const MAX_WEIGHT = 1000;

/** @throws GroundwireError BAD_USER_INPUT for a weight out of range. */
export function checkWeight(weight: number, field: string): void {
  if (Math.abs(weight) <= MAX_WEIGHT) return;
  const message = `${field} must be -${MAX_WEIGHT} to ${MAX_WEIGHT}, is ${weight}`;
  throw new GroundwireError("BAD_USER_INPUT", message);
}
