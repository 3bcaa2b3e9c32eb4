import { createHash } from "node:crypto";
import { GroundwireError } from "../../errors.js";

/** A query as its client gave it: a vector, or anything that JSON tells apart. */
export type QueryInputs = Float32Array | string | object;

/**
 * Ties cursors to one model, query and filter: elsewhere they would point at other entries.
 * @param query never a vector that the model computed: computed again, in another batch, its last digits may differ
 */
export function createCursorCodec(fingerprint: string, query: QueryInputs, filter: object) {
  const digest = createHash("sha256")
    .update(fingerprint)
    .update(query instanceof Float32Array ? query : JSON.stringify(query))
    .update(JSON.stringify(filter))
    .digest();
  const key = digest.subarray(0, 9).toString("base64url");
  return {
    encode: (rank: number): string => Buffer.from(`${rank}.${key}`).toString("base64url"),
    /** @throws GroundwireError BAD_USER_INPUT for a cursor of another query or model. */
    decode: (cursor: string): number => {
      const [rank, found, ...rest] = Buffer.from(cursor, "base64url").toString("utf8").split(".");
      const value = Number(rank);
      if (found === key && rest.length === 0 && Number.isSafeInteger(value) && value > 0) return value;
      const message = `after must be a cursor of this query and model, is ${JSON.stringify(cursor.slice(0, 80))}`;
      throw new GroundwireError("BAD_USER_INPUT", message);
    },
  };
}
