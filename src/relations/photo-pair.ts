import type { ObjectPair, Relations } from "./relations.js";

/**
 * Scores [P] of a pair of words as one photo shows them.
 * @param pair raw word vectors [D]
 * @param grid [positions, D] of the photo
 */
export async function scoreInPhoto(
  { subject, object }: ObjectPair,
  grid: Float32Array,
  relations: Relations,
): Promise<Float32Array> {
  // The graph asks for at least one token, whose similarity is not needed here.
  const { grounded } = await relations.ground(grid, subject, [subject, object]);
  const [left, right] = grounded as [Float32Array, Float32Array];
  const [scores] = await relations.score([{ subject: left, object: right }], "subspace");
  return scores as Float32Array;
}
