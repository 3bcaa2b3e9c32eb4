import { isGroundwireError, type GroundwireError } from "../errors.js";
import type { Encoder } from "../inference/encoder.js";
import type { VisualEncoder } from "../pictures/visual-encoder.js";
import { normalize } from "../vectors.js";
import type { Collections } from "./collections.js";
import type { CollectionInfo, NewItem, StoredItem, VectorStore } from "./vector-store.js";

export interface ReembedOptions {
  collections: Collections;
  store: VectorStore;
  encoder: Encoder;
  visual: VisualEncoder;
  /** Told of the items done so far, and of all. */
  onProgress?: (done: number, total: number) => void;
}

export interface Reembedded {
  /** False where the collection was of the served model already. */
  changed: boolean;
  items: number;
  /** Items that the new model could not encode; they are not in the collection any more. */
  lost: { id: string; error: GroundwireError }[];
}

const BATCH = 64;
/** A batch may wait for a loaded machine: nobody sits in front of it. */
const TIMEOUT_MS = 600_000;

/**
 * Gives every item of a collection the served model's vector, from the text or the picture that is kept with it. The
 * collection stays as it was until all is done, then changes in one step; what was interrupted goes on where it was.
 * @throws GroundwireError COLLECTION_NOT_FOUND
 */
export async function reembed(id: string, options: ReembedOptions): Promise<Reembedded> {
  const { collections, store } = options;
  const collection = await collections.get(id);
  const total = await store.count(collection);
  if (collection.fingerprint === collections.stamp.fingerprint)
    return { changed: false, items: total, lost: [] };
  const replacement = await store.beginReplacement(collection, collections.stamp);
  const lost: Reembedded["lost"] = [];
  let after = await lastId(store, replacement);
  let done = await store.count(replacement);
  for (;;) {
    const items = await store.page(collection, { limit: BATCH, after, withPictures: true });
    if (items.length === 0) break;
    const results = await encode(items, options);
    const good = results.filter((result): result is NewItem => "vector" in result);
    lost.push(...results.filter((result) => "error" in result));
    if (good.length > 0) await store.upsert(replacement, good);
    after = items.at(-1)?.id;
    done += items.length;
    options.onProgress?.(done, total);
  }
  await store.finishReplacement(collection, replacement);
  return { changed: true, items: total - lost.length, lost };
}

/** Items are done in the order of their ids, so the last one tells how far an interrupted attempt came. */
async function lastId(store: VectorStore, replacement: CollectionInfo): Promise<string | undefined> {
  let last: string | undefined;
  for (;;) {
    const items = await store.page(replacement, { limit: 10_000, after: last });
    if (items.length === 0) return last;
    last = items.at(-1)?.id;
  }
}

async function encode(
  items: StoredItem[],
  { encoder, visual }: ReembedOptions,
): Promise<(NewItem | { id: string; error: GroundwireError })[]> {
  const call = { fields: items.map(({ id }) => `item ${JSON.stringify(id)}`), timeoutMs: TIMEOUT_MS };
  const isText = items[0]?.text !== null;
  const results = isText
    ? await encoder.encode(
        items.map(({ text }) => text ?? ""),
        call,
      )
    : await visual.encode(
        items.map(({ picture }) => picture ?? new Uint8Array()),
        call,
      );
  return items.map((item, i) => {
    const result = results[i];
    if (!result || isGroundwireError(result)) return { id: item.id, error: result as GroundwireError };
    const vector = "embedding" in result ? result.embedding : result.vector;
    return { ...item, vector: normalize(vector) };
  });
}
