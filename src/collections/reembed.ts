import { GroundwireError, isGroundwireError } from "../errors.js";
import type { Encoder } from "../inference/encoder.js";
import type { VisualEncoder } from "../pictures/visual-encoder.js";
import { normalize } from "../vectors.js";
import { PERMANENT } from "./checks.js";
import type { Collections } from "./collections.js";
import { inBatches, isSame, pairById, type Pair } from "./pairs.js";
import type { CollectionInfo, CollectionKind, NewItem, StoredItem, VectorStore } from "./vector-store.js";

export interface ReembedOptions {
  collections: Pick<Collections, "get" | "stamp">;
  store: VectorStore;
  encoder: Pick<Encoder, "encode">;
  visual: Pick<VisualEncoder, "encode">;
  /** Most texts that may wait for the encoder: no call may hold more. */
  maxQueue: number;
  /** Told of the items done so far, and of all; from the start again where others wrote to the collection meanwhile. */
  onProgress?: (done: number, total: number) => void;
}

export interface LostItem {
  id: string;
  error: GroundwireError;
}

export interface Reembedded {
  /** False where the collection was of the served model already. */
  changed: boolean;
  items: number;
  /** Items that the new model can never encode; they are not in the collection any more. */
  lost: LostItem[];
}

const BATCH = 64;
/** A batch may wait for a loaded machine: nobody sits in front of it. */
const TIMEOUT_MS = 600_000;

/**
 * Gives every item of a collection the served model's vector, from the text or the picture that is kept with it. The
 * collection stays as it was until all is done, then changes in one step; what was interrupted goes on where it was.
 *
 * Other processes may write to the collection meanwhile: the two sets are compared again until nothing was written
 * while they were. A write that falls between the last look and the step itself, some milliseconds, is lost: stores
 * have no lock that reaches other processes.
 * @throws GroundwireError COLLECTION_NOT_FOUND, or what kept an item from being encoded that another attempt may
 * encode; the collection is then as it was.
 */
export async function reembed(id: string, options: ReembedOptions): Promise<Reembedded> {
  const { collections, store } = options;
  const collection = await collections.get(id);
  if (collection.fingerprint === collections.stamp.fingerprint)
    return { changed: false, items: await store.count(collection), lost: [] };
  const replacement = await store.beginReplacement(collection, collections.stamp);
  let revision: number;
  let lost: LostItem[];
  do {
    revision = await store.revision(collection);
    lost = await bringUpToDate(collection, replacement, options);
  } while ((await store.revision(collection)) !== revision);
  await store.finishReplacement(collection, replacement);
  return { changed: true, items: await store.count(replacement), lost };
}

/**
 * Encodes what the replacement lacks or has otherwise, and takes away what it has beyond the collection.
 * @returns what the model can never encode
 */
async function bringUpToDate(
  collection: CollectionInfo,
  replacement: CollectionInfo,
  options: ReembedOptions,
): Promise<LostItem[]> {
  const { store, maxQueue, onProgress } = options;
  const total = await store.count(collection);
  const lost: LostItem[] = [];
  let done = 0;
  const pairs = pairById(store, collection, replacement);
  for await (const batch of inBatches(pairs, Math.min(BATCH, maxQueue))) {
    lost.push(...(await replace(batch, replacement, options)));
    done += batch.filter(({ left }) => left).length;
    onProgress?.(done, total);
  }
  return lost;
}

/** @returns what the model can never encode */
async function replace(
  batch: readonly Pair[],
  replacement: CollectionInfo,
  options: ReembedOptions,
): Promise<LostItem[]> {
  const { store } = options;
  const stale = batch.flatMap(({ left, right }) => (left && !(right && isSame(left, right)) ? [left] : []));
  const results = stale.length > 0 ? await encode(stale, replacement.kind, options) : [];
  const fresh = results.filter((result): result is NewItem => "vector" in result);
  const lost = results.filter((result): result is LostItem => "error" in result);
  const lostIds = new Set(lost.map(({ id }) => id));
  const gone = batch.flatMap(({ left, right }) =>
    right && (!left || lostIds.has(left.id)) ? [right.id] : [],
  );
  if (fresh.length > 0) await store.upsert(replacement, fresh);
  if (gone.length > 0) await store.remove(replacement, gone);
  return lost;
}

async function encode(
  items: readonly StoredItem[],
  kind: CollectionKind,
  { encoder, visual }: ReembedOptions,
): Promise<(NewItem | LostItem)[]> {
  const call = { fields: items.map(({ id }) => nameOf(id)), timeoutMs: TIMEOUT_MS };
  const results =
    kind === "TEXTS"
      ? await encoder.encode(
          items.map(({ text }) => text ?? ""),
          call,
        )
      : await visual.encode(
          items.map(({ picture }) => picture ?? new Uint8Array()),
          call,
        );
  return items.map((item, i) => {
    const result = results[i] as (typeof results)[number];
    if (isGroundwireError(result)) {
      if (!PERMANENT[kind].includes(result.code)) throw toFault(item.id, result);
      return { id: item.id, error: result };
    }
    const vector = "embedding" in result ? result.embedding : result.vector;
    return { ...item, vector: normalize(vector) };
  });
}

/** The error with the item's name; an INTERNAL one tells its cause, for it is the operator who reads it. */
function toFault(id: string, error: GroundwireError): GroundwireError {
  const { code, cause, retryAfterMs } = error;
  const { message } = code === "INTERNAL" && cause instanceof Error ? cause : error;
  const text = `${nameOf(id)} could not be encoded, and the collection is as it was: ${message}`;
  return new GroundwireError(code, text, { cause: error, retryAfterMs });
}

function nameOf(id: string): string {
  return `item ${JSON.stringify(id)}`;
}
