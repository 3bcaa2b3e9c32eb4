import { GroundwireError } from "../errors.js";
import { euclideanNorm, normalize } from "../vectors.js";

/** How much of a negative text's unit vector is subtracted: all of it would outweigh what is asked for. */
const NEGATIVE_WEIGHT = 0.5;

export interface QueryParts {
  /** [D], of any length but zero; at least one of image and text. */
  image?: Float32Array;
  text?: Float32Array;
  negative?: Float32Array;
  /** alpha, 0 to 1; counts where both image and text are given. */
  textWeight: number;
}

/**
 * `normalize((1 - alpha) * image + alpha * text)` of unit vectors, less half of the negative text.
 * @throws GroundwireError BAD_USER_INPUT where the parts cancel out.
 */
export function mixQuery({ image, text, negative, textWeight }: QueryParts): Float32Array {
  const alpha = image && text ? textWeight : text ? 1 : 0;
  const mixed = normalize(sum([scale(image, 1 - alpha), scale(text, alpha)]));
  const query = sum([mixed, scale(negative, -NEGATIVE_WEIGHT)]);
  if (euclideanNorm(query) < 1e-6)
    throw new GroundwireError("BAD_USER_INPUT", "query must not cancel out: its parts add up to zero");
  return normalize(query);
}

function scale(vector: Float32Array | undefined, weight: number): Float32Array | undefined {
  return vector && weight !== 0 ? normalize(vector).map((value) => weight * value) : undefined;
}

function sum(vectors: (Float32Array | undefined)[]): Float32Array {
  const [first, ...rest] = vectors.filter((vector) => vector !== undefined);
  const total = Float32Array.from(first ?? []);
  for (const vector of rest) vector.forEach((value, i) => (total[i] = (total[i] as number) + value));
  return total;
}
