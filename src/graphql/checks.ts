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
  throw new GroundwireError(
    "DIMENSION_MISMATCH",
    `${field} must have ${dimension} values, has ${vector.length}`,
  );
}
