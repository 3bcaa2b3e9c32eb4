import type { Encoded } from "../inference/encoder.js";
import { checkWhole } from "../inference/tokenizer.js";
import type { Context, NamedText } from "./context.js";

/**
 * A text's vector, for answers that have no place to tell of a cut.
 * @throws GroundwireError TEXT_TOO_LONG where it has more tokens than the model reads, or as any bad text.
 */
export async function loadWhole(named: NamedText, { vectors, services }: Context): Promise<Encoded> {
  const encoded = await vectors.load(named);
  checkWhole(encoded, named.field, services.bundle.manifest.maxTokens);
  return encoded;
}
