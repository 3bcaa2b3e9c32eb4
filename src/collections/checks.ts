import { GroundwireError, type ErrorCode } from "../errors.js";
import type {
  CollectionInfo,
  CollectionKind,
  ItemFilter,
  MetadataEntry,
  ModelStamp,
} from "./vector-store.js";

/**
 * What is wrong with the item itself. All else may pass, as an overload does, or is wrong with the model, as a lack of
 * visual.onnx is (BAD_USER_INPUT), and must cost no item.
 */
export const PERMANENT: Record<CollectionKind, readonly ErrorCode[]> = {
  TEXTS: ["BAD_USER_INPUT", "TEXT_TOO_LONG"],
  IMAGES: ["IMAGE_UNREADABLE", "IMAGE_TOO_LARGE"],
};

/** Safe as a file name on every system, whatever its case rules. */
const COLLECTION_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MAX_ITEM_ID = 512;
const MAX_METADATA = 64;
const MAX_KEY = 128;
const MAX_VALUE = 1024;
const LONE_SURROGATE = /\p{Surrogate}/u;
const UNSAFE = /[\p{Control}\p{Surrogate}]/u;

export function isCollectionId(id: string): boolean {
  return COLLECTION_ID.test(id);
}

/** @throws GroundwireError BAD_USER_INPUT */
export function checkCollectionId(id: string, field: string): void {
  if (isCollectionId(id)) return;
  const rule = "must be 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or digit";
  throw bad(`${field} ${rule}, is ${show(id)}`);
}

/** @throws GroundwireError BAD_USER_INPUT */
export function checkItemId(id: string, field: string): void {
  if (id !== "" && id.length <= MAX_ITEM_ID && !UNSAFE.test(id)) return;
  throw bad(
    `${field} must be 1 to ${MAX_ITEM_ID} characters of well-formed Unicode without control characters, is ${show(id)}`,
  );
}

/** @throws GroundwireError BAD_USER_INPUT */
export function checkMetadata(entries: readonly MetadataEntry[], field: string): void {
  if (entries.length > MAX_METADATA)
    throw bad(`${field} must have at most ${MAX_METADATA} entries, has ${entries.length}`);
  entries.forEach(({ key, value }, i) => {
    checkPart(key, `${field}[${i}].key`, 1, MAX_KEY);
    checkPart(value, `${field}[${i}].value`, 0, MAX_VALUE);
  });
}

/** @throws GroundwireError BAD_USER_INPUT */
export function checkFilter({ metadata = [] }: ItemFilter, field: string): void {
  if (metadata.length > MAX_METADATA)
    throw bad(`${field} must have at most ${MAX_METADATA} entries, has ${metadata.length}`);
  metadata.forEach(({ key, in: values }, i) => {
    checkPart(key, `${field}[${i}].key`, 1, MAX_KEY);
    if (values.length === 0 || values.length > MAX_METADATA)
      throw bad(`${field}[${i}].in must have 1 to ${MAX_METADATA} values, has ${values.length}`);
    values.forEach((value, j) => checkPart(value, `${field}[${i}].in[${j}]`, 0, MAX_VALUE));
  });
}

/** @throws GroundwireError BAD_USER_INPUT */
export function checkKind({ id, kind }: CollectionInfo, wanted: CollectionKind): void {
  if (kind !== wanted) throw bad(`collection must be of ${wanted}, ${show(id)} is of ${kind}`);
}

/** @throws GroundwireError MODEL_MISMATCH with the command that makes the collection usable again. */
export function checkModel(collection: CollectionInfo, served: ModelStamp): void {
  if (collection.fingerprint === served.fingerprint) return;
  const name = ({ model, fingerprint }: ModelStamp): string => `${model} (${fingerprint.slice(0, 12)})`;
  const message =
    `collection ${show(collection.id)} must be of the served model ${name(served)}, is of ${name(collection)}; ` +
    `run: groundwire reembed ${collection.id}`;
  throw new GroundwireError("MODEL_MISMATCH", message);
}

function checkPart(text: string, field: string, least: number, most: number): void {
  if (text.length >= least && text.length <= most && !LONE_SURROGATE.test(text)) return;
  throw bad(`${field} must have ${least} to ${most} characters, is ${show(text)}`);
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}

/** For messages: the beginning of a long one. */
export function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}
