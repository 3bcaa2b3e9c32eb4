import { GroundwireError } from "../errors.js";
import { dot, euclideanNorm, normalize } from "../vectors.js";

/** A text with its weight in a sum. */
export interface WeightedVector {
  /** [D], raw. */
  vector: Float32Array;
  weight: number;
}

/**
 * `sum of weight x unit vector`, so that every term counts by its weight and not by its length.
 * @param field name of the terms in the error's message
 * @throws GroundwireError BAD_USER_INPUT where the terms cancel out.
 */
export function weightedSum(terms: readonly WeightedVector[], field: string): Float32Array {
  const sum = new Float32Array(terms[0]?.vector.length ?? 0);
  for (const { vector, weight } of terms) {
    const factor = weight / euclideanNorm(vector);
    vector.forEach((value, i) => (sum[i] = (sum[i] as number) + factor * value));
  }
  if (euclideanNorm(sum) < 1e-6)
    throw new GroundwireError("BAD_USER_INPUT", `${field} must not cancel out: the sum is zero`);
  return sum;
}

/**
 * For each vector the mean cosine to the others; the odd one has the lowest.
 * @param vectors at least two
 */
export function meanSimilarities(vectors: readonly Float32Array[]): number[] {
  const units = vectors.map(normalize);
  const sum = new Float64Array(units[0]?.length ?? 0);
  for (const unit of units) unit.forEach((value, d) => (sum[d] = (sum[d] as number) + value));
  // One product with the sum holds the cosines to all, its own among them.
  return units.map((unit) => (dot(unit, sum) - dot(unit, unit)) / (units.length - 1));
}

/** What a query's own neighbors would only repeat: its texts, and each of their words. */
export function ownEntries(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const words = text.trim().toLowerCase().split(/\s+/);
    return [words.join(" "), ...words];
  });
}
