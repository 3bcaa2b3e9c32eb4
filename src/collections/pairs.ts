import { compareIds } from "./ids.js";
import type { CollectionInfo, StoredItem, VectorStore } from "./vector-store.js";

/** What two sets of items hold of one id; at least one of the two. */
export interface Pair {
  left: StoredItem | undefined;
  right: StoredItem | undefined;
}

/** Items read at once, with their pictures: a page costs a look at every id, so there should be few. */
const PAGE = 1024;

/** Goes through two sets side by side, in the order of ids. What it has passed may be written to meanwhile. */
export async function* pairById(
  store: VectorStore,
  left: CollectionInfo,
  right: CollectionInfo,
): AsyncGenerator<Pair, undefined> {
  const lefts = walk(store, left);
  const rights = walk(store, right);
  let [a, b] = [await lefts.next(), await rights.next()];
  while (a.value || b.value) {
    const order = !a.value ? 1 : !b.value ? -1 : compareIds(a.value.id, b.value.id);
    yield { left: order <= 0 ? a.value : undefined, right: order >= 0 ? b.value : undefined };
    if (order <= 0) a = await lefts.next();
    if (order >= 0) b = await rights.next();
  }
  return undefined;
}

/** Whether a vector of the one is a vector of the other, and all else is equal too. */
export function isSame(a: StoredItem, b: StoredItem): boolean {
  return a.text === b.text && samePicture(a.picture, b.picture) && sameMetadata(a, b);
}

/** @param size most pairs in a batch, at least 1 */
export async function* inBatches(
  pairs: AsyncIterable<Pair>,
  size: number,
): AsyncGenerator<Pair[], undefined> {
  let batch: Pair[] = [];
  for await (const pair of pairs) {
    batch.push(pair);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
  return undefined;
}

async function* walk(store: VectorStore, set: CollectionInfo): AsyncGenerator<StoredItem, undefined> {
  for (let after: string | undefined; ;) {
    const items = await store.page(set, { limit: PAGE, after, withPictures: true });
    yield* items;
    if (items.length < PAGE) return undefined;
    after = items.at(-1)?.id;
  }
}

function samePicture(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a && b ? Buffer.compare(a, b) === 0 : a === b;
}

function sameMetadata(a: StoredItem, b: StoredItem): boolean {
  const list = ({ metadata }: StoredItem): string =>
    JSON.stringify(metadata.map(({ key, value }) => [key, value]));
  return list(a) === list(b);
}
