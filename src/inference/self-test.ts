import { BundleError, type Bundle, type GoldenItem } from "../bundle/bundle.js";
import { isGroundwireError } from "../errors.js";
import { cosine } from "../vectors.js";
import type { Encoder } from "./encoder.js";

/** Least cosine to PyTorch's float32 vector. */
const LEAST_COSINE = 0.999;

/**
 * Encodes the golden texts and compares ids and vectors with PyTorch's.
 * @throws BundleError naming golden.json, the text and the rule.
 */
export async function selfTest(encoder: Encoder, { golden }: Bundle): Promise<void> {
  const results = await encoder.encode(golden.items.map(({ text }) => text));
  for (const [i, item] of golden.items.entries()) {
    const result = results[i];
    checkTokens(encoder, item);
    if (result === undefined || isGroundwireError(result))
      throw fault(item, `cannot be encoded: ${result?.message}`);
    const similarity = cosine(result.vector, Float32Array.from(item.vector));
    if (!(similarity >= LEAST_COSINE)) {
      throw fault(
        item,
        `must have a cosine >= ${LEAST_COSINE} to its golden vector, has ${similarity.toFixed(6)}`,
      );
    }
  }
}

function checkTokens(encoder: Encoder, item: GoldenItem): void {
  const { ids, tokenCount, truncated } = encoder.tokenize(item.text);
  const equal = ids.length === item.ids.length && ids.every((id, i) => id === item.ids[i]);
  if (!equal || tokenCount !== item.tokenCount || truncated !== item.truncated) {
    throw fault(item, `must give the token ids ${item.ids.join(" ")}, gives ${ids.join(" ")}`);
  }
}

function fault(item: GoldenItem, rule: string): BundleError {
  const text = item.text.length > 60 ? `${item.text.slice(0, 60)}...` : item.text;
  return new BundleError("golden.json", `the text ${JSON.stringify(text)} ${rule}`);
}
