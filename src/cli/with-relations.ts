import { readFile } from "node:fs/promises";
import { requireFile } from "../bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import type { Encoded, Encoder } from "../inference/encoder.js";
import { checkWhole } from "../inference/tokenizer.js";
import type { TextOutput } from "../inference/protocol.js";
import type { EncodedPicture, VisualEncoder } from "../pictures/visual-encoder.js";
import type { Relations } from "../relations/relations.js";
import type { Services } from "../services.js";
import { withServices } from "./with-services.js";

export type RelationalServices = Services & { relations: Relations };

/**
 * Runs a command on the model, without a server, and ends its workers.
 * @param model bundle name or path. @default GROUNDWIRE_MODEL, else models/default
 * @throws GroundwireError BAD_USER_INPUT where the bundle has no relations.
 */
export async function withRelations<T>(
  model: string | undefined,
  action: (services: RelationalServices) => Promise<T>,
): Promise<T> {
  return withServices(model, (services) => {
    requireFile(services.bundle, "relations.bin", "this command");
    return action(services as RelationalServices);
  });
}

/** @throws GroundwireError of the first bad text. */
export async function encodeTexts(
  encoder: Encoder,
  texts: Record<string, string>,
  output: TextOutput = "embedding",
): Promise<Encoded[]> {
  const fields = Object.keys(texts);
  return (await encoder.encode(Object.values(texts), { fields, output })).map(orThrow);
}

/** @throws GroundwireError of the first bad text, or TEXT_TOO_LONG where the model does not read one to its end. */
export async function encodeWhole(
  { bundle, encoder }: Pick<Services, "bundle" | "encoder">,
  texts: Record<string, string>,
): Promise<Encoded[]> {
  const encoded = await encodeTexts(encoder, texts);
  const fields = Object.keys(texts);
  encoded.forEach((one, i) => checkWhole(one, fields[i] as string, bundle.manifest.maxTokens));
  return encoded;
}

/** @throws GroundwireError where the file cannot be read, or is no picture that is served. */
export async function encodePhoto(
  visual: VisualEncoder,
  path: string,
): Promise<EncodedPicture & { bytes: Buffer }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new GroundwireError("IMAGE_UNREADABLE", `${path} cannot be read`, { cause });
  });
  const [photo] = await visual.encode([bytes], { fields: [path], withGrid: true });
  return { ...orThrow(photo as EncodedPicture | GroundwireError), bytes };
}

function orThrow<T>(result: T | GroundwireError): T {
  if (isGroundwireError(result)) throw result;
  return result;
}
