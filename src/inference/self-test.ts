import { BundleError, type Bundle, type GoldenItem } from "../bundle/bundle.js";
import { isGroundwireError } from "../errors.js";
import { cosine } from "../vectors.js";
import type { Encoder } from "./encoder.js";

/** Least cosine to PyTorch's float32 vector. */
const LEAST_COSINE = 0.999;
/** For one text; whatever the limit of requests is, a slow start must not look like a fault of the bundle. */
const TIMEOUT_MS = 60_000;

/**
 * Encodes the golden texts and compares ids and vectors with PyTorch's.
 * @param atOnce texts in one call, at most what the encoder's queue holds.
 * @throws BundleError naming golden.json, the text and the rule.
 */
export async function selfTest(
  encoder: Encoder,
  { golden, manifest }: Bundle,
  atOnce: number,
): Promise<void> {
  golden.items.forEach((item) => checkTokens(encoder, item));
  for (let first = 0; first < golden.items.length; first += atOnce) {
    const items = golden.items.slice(first, first + atOnce);
    const texts = items.map(({ text }) => text);
    const results = await encoder.encode(texts, { timeoutMs: TIMEOUT_MS });
    for (const [i, item] of items.entries()) {
      const result = results[i];
      if (result === undefined || isGroundwireError(result))
        throw fault(item, `cannot be encoded: ${result?.message}`);
      checkVector(result.vector, item, manifest.dimension);
    }
  }
}

function checkVector(vector: Float32Array, item: GoldenItem, dimension: number): void {
  if (vector.length !== dimension) {
    const rule = `embedding must have the manifest's dimension of ${dimension}, has ${vector.length}`;
    throw new BundleError("language.onnx", rule);
  }
  const similarity = cosine(vector, Float32Array.from(item.vector));
  if (similarity >= LEAST_COSINE) return;
  const rule = `must have a cosine >= ${LEAST_COSINE} to its golden vector, has ${similarity.toFixed(6)}`;
  throw fault(item, rule);
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
