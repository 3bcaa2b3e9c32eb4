import type { GroundwireError } from "./errors.js";
import { isGroundwireError } from "./errors.js";

/** A list's item: what was asked for, or why there is none. Items keep the order of the input. */
export type Settled<T> = T | GroundwireError;

/**
 * The items of a list of which none may have failed.
 * @throws GroundwireError the first item's error.
 */
export function unwrap<T>(items: readonly Settled<T>[]): T[] {
  const failed = items.find((item) => isGroundwireError(item));
  if (failed) throw failed;
  return items as T[];
}

/** Applies a function to the items that have not failed. */
export function mapSettled<T, U>(items: readonly Settled<T>[], map: (item: T) => U): Settled<U>[] {
  return items.map((item) => (isGroundwireError(item) ? item : map(item)));
}
