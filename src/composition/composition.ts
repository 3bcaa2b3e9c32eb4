import { GroundwireError } from "../errors.js";
import { cosine, euclideanNorm } from "../vectors.js";

/** A text with its weight in a sum. */
export interface WeightedVector {
  /** [D], raw. */
  vector: Float32Array;
  weight: number;
}

/**
 * `sum of weight x unit vector`, so that every term counts by its weight and not by its length.
 * @throws GroundwireError BAD_USER_INPUT where the terms cancel out.
 */
export function weightedSum(terms: readonly WeightedVector[]): Float32Array {
  const sum = new Float32Array(terms[0]?.vector.length ?? 0);
  for (const { vector, weight } of terms) {
    const factor = weight / euclideanNorm(vector);
    vector.forEach((value, i) => (sum[i] = (sum[i] as number) + factor * value));
  }
  if (euclideanNorm(sum) < 1e-6)
    throw new GroundwireError("BAD_USER_INPUT", "terms must not cancel out: their sum is zero");
  return sum;
}

/**
 * For each vector the mean cosine to the others; the odd one has the lowest.
 * @param vectors at least three
 */
export function meanSimilarities(vectors: readonly Float32Array[]): number[] {
  return vectors.map((vector, i) => {
    const others = vectors.filter((_, j) => j !== i);
    return others.reduce((sum, other) => sum + cosine(vector, other), 0) / others.length;
  });
}

/** What a query's own neighbors would only repeat: its texts, and each of their words. */
export function ownEntries(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const plain = text.trim().toLowerCase();
    return [plain, ...plain.split(/\s+/)];
  });
}
