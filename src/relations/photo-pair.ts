import type { CallOptions } from "../inference/task-queue.js";
import type { ObjectPair, Relations } from "./relations.js";

/**
 * Scores [P] of a pair of words as one photo shows them.
 * @param pair raw word vectors [D]
 * @param grid [positions, D] of the photo
 * @throws GroundwireError OVERLOADED, TIMEOUT or the signal's reason
 */
export async function scoreInPhoto(
  { subject, object }: ObjectPair,
  grid: Float32Array,
  relations: Pick<Relations, "ground" | "score">,
  call?: CallOptions,
): Promise<Float32Array> {
  // The graph asks for at least one token, whose similarity is not needed here.
  const { grounded } = await relations.ground(grid, subject, [subject, object], call);
  const [left, right] = grounded as [Float32Array, Float32Array];
  const [scores] = await relations.score([{ subject: left, object: right }], "subspace", call);
  return scores as Float32Array;
}
