import type { Bundle } from "../bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import type { Encoder } from "../inference/encoder.js";
import { createTaskQueue } from "../inference/task-queue.js";
import { compressPicture } from "../pictures/copy.js";
import type { PictureSource, VisualEncoder } from "../pictures/visual-encoder.js";
import { euclideanNorm, normalize } from "../vectors.js";
import {
  checkCollectionId,
  checkFilter,
  checkItemId,
  checkKind,
  checkMetadata,
  checkModel,
  isCollectionId,
  show,
} from "./checks.js";
import type {
  CollectionInfo,
  CollectionKind,
  ItemFilter,
  ItemHit,
  ItemPage,
  ItemSearch,
  MetadataEntry,
  ModelStamp,
  NewItem,
  StoredItem,
  VectorStore,
} from "./vector-store.js";

export interface TextItem {
  id: string;
  text: string;
  metadata?: readonly MetadataEntry[];
}

export interface ImageItem {
  id: string;
  image: PictureSource;
  metadata?: readonly MetadataEntry[];
}

/** An item that is durable. */
export interface Upserted {
  id: string;
  /** Whether only its text's beginning, of the model's maxTokens, is in its vector. */
  truncated: boolean;
}

export interface UpsertOptions {
  /** Abandons what has not been encoded. */
  signal?: AbortSignal;
  /** Milliseconds until what has not been encoded becomes a TIMEOUT error. @default the encoders' */
  timeoutMs?: number;
  /** Name of the list in messages. @default "items" */
  field?: string;
}

export interface ReadOptions {
  /** Ends the call, with the signal's reason; what has not begun to be read never will be. */
  signal?: AbortSignal;
  /** Milliseconds that the read may take. @default the server's */
  timeoutMs?: number;
}

export interface SearchOptions extends ItemSearch, ReadOptions {
  /** Name of the filter's metadata in messages. @default "filter.metadata" */
  field?: string;
}

export interface Collections {
  readonly stamp: ModelStamp;
  list(): Promise<CollectionInfo[]>;
  find(id: string): Promise<CollectionInfo | undefined>;
  /** @throws GroundwireError COLLECTION_NOT_FOUND */
  get(id: string): Promise<CollectionInfo>;
  /** @throws GroundwireError BAD_USER_INPUT where the id is taken or malformed. */
  create(id: string, kind: CollectionKind): Promise<CollectionInfo>;
  /** @throws GroundwireError COLLECTION_NOT_FOUND */
  delete(id: string): Promise<void>;
  /**
   * One result an item, in order, once it is durable, or its error. Neighbors of a bad item are served.
   * @throws GroundwireError COLLECTION_NOT_FOUND, MODEL_MISMATCH, or BAD_USER_INPUT for a collection of pictures.
   */
  upsertTexts(
    id: string,
    items: readonly TextItem[],
    options?: UpsertOptions,
  ): Promise<(Upserted | GroundwireError)[]>;
  /** As upsertTexts, for a collection of pictures. */
  upsertImages(
    id: string,
    items: readonly ImageItem[],
    options?: UpsertOptions,
  ): Promise<(Upserted | GroundwireError)[]>;
  /**
   * A collection that the served model may read and write.
   * @throws GroundwireError COLLECTION_NOT_FOUND, MODEL_MISMATCH, or BAD_USER_INPUT for another kind.
   */
  usable(id: string, kind: CollectionKind): Promise<CollectionInfo>;
  /** @returns how many there were. */
  deleteItems(id: string, ids: readonly string[]): Promise<number>;
  /** @throws GroundwireError OVERLOADED, TIMEOUT, or COLLECTION_NOT_FOUND where it was deleted meanwhile. */
  count(collection: CollectionInfo, filter?: ItemFilter, options?: ReadOptions): Promise<number>;
  /** @throws GroundwireError as count. */
  page(collection: CollectionInfo, page: ItemPage & ReadOptions): Promise<StoredItem[]>;
  /** @throws GroundwireError as upsertTexts and as count, with `kind` the collection's wanted kind. */
  search(id: string, kind: CollectionKind, search: SearchOptions): Promise<ItemHit[]>;
  /** Pictures of hits by their ids. @throws GroundwireError as count. */
  pictures(
    collection: CollectionInfo,
    ids: readonly string[],
    options?: ReadOptions,
  ): Promise<Map<string, Uint8Array>>;
  close(): Promise<void>;
}

export interface CollectionsOptions {
  bundle: Bundle;
  encoder: Encoder;
  visual: VisualEncoder;
  store: VectorStore;
  /** Milliseconds that a read may take. */
  timeoutMs: number;
}

/** Each uses several processors already. */
const READS_AT_ONCE = 4;

type Encoded =
  | { vector: Float32Array; text: string | null; picture: Uint8Array | null; truncated: boolean }
  | GroundwireError;

/** Users' own texts and pictures: encoded by the served model, kept in a store, never mixed with another model's. */
export function createCollections(options: CollectionsOptions): Collections {
  const { bundle, encoder, visual, store, timeoutMs } = options;
  const { name: model, fingerprint, dimension } = bundle.manifest;
  const stamp: ModelStamp = { model, fingerprint, dimension };
  let reading = 0;
  const reads = createTaskQueue<() => Promise<unknown>, unknown>({
    name: "reads of collections",
    capacity: () => READS_AT_ONCE - reading,
    run: async (read) => {
      reading += 1;
      try {
        return await read();
      } finally {
        reading -= 1;
        setImmediate(reads.pump);
      }
    },
    timeoutMs,
  });

  /** An id that cannot be created is as absent as any other. */
  async function find(id: string): Promise<CollectionInfo | undefined> {
    return isCollectionId(id) ? store.find(id) : undefined;
  }

  async function get(id: string): Promise<CollectionInfo> {
    const found = await find(id);
    if (!found) throw absent(id);
    return found;
  }

  async function read<T>(
    collection: CollectionInfo,
    task: () => Promise<T>,
    { signal, timeoutMs }: ReadOptions = {},
  ): Promise<T> {
    return (await reads.ask(() => whileThere(collection, task), { signal, timeoutMs })) as T;
  }

  /** What a store says of a table that has just been dropped is no fault of ours. */
  async function whileThere<T>({ id, place }: CollectionInfo, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      const now = await store.find(id);
      throw now?.place === place ? error : absent(id);
    }
  }

  async function usable(id: string, kind: CollectionKind): Promise<CollectionInfo> {
    const collection = await get(id);
    checkKind(collection, kind);
    checkModel(collection, stamp);
    return collection;
  }

  async function create(id: string, kind: CollectionKind): Promise<CollectionInfo> {
    checkCollectionId(id, "id");
    const made = await store.create(id, kind, stamp);
    if (!made)
      throw new GroundwireError("BAD_USER_INPUT", `id must be new, collection ${JSON.stringify(id)} exists`);
    return made;
  }

  async function upsert<Item extends TextItem | ImageItem>(
    collection: CollectionInfo,
    items: readonly Item[],
    field: string,
    encode: (items: readonly Item[], fields: string[]) => Promise<Encoded[]>,
  ): Promise<(Upserted | GroundwireError)[]> {
    const errors = items.map((item, i) => findFault(item, `${field}[${i}]`));
    // What is malformed is not worth the model's time.
    const sound = items.flatMap((item, i) => (errors[i] ? [] : [{ item, name: `${field}[${i}]` }]));
    const encoded = await encode(
      sound.map(({ item }) => item),
      sound.map(({ name }) => name),
    );
    const results = new Map(sound.map(({ item }, i) => [item, encoded[i] as Encoded]));
    const ready = sound.flatMap(({ item }) => toNewItem(item, results.get(item) as Encoded));
    if (ready.length > 0) await whileThere(collection, () => store.upsert(collection, ready));
    return items.map((item, i) => {
      const result = errors[i] ?? (results.get(item) as Encoded);
      return isGroundwireError(result) ? result : { id: item.id, truncated: result.truncated };
    });
  }

  async function encodeTexts(
    items: readonly TextItem[],
    names: string[],
    { signal, timeoutMs }: UpsertOptions,
  ): Promise<Encoded[]> {
    const texts = items.map(({ text }) => text);
    const fields = names.map((name) => `${name}.text`);
    const results = await encoder.encode(texts, { fields, signal, timeoutMs });
    return results.map((result, i) =>
      isGroundwireError(result)
        ? result
        : {
            vector: result.vector,
            text: texts[i] as string,
            picture: null,
            truncated: result.truncated,
          },
    );
  }

  async function encodeImages(
    items: readonly ImageItem[],
    names: string[],
    { signal, timeoutMs }: UpsertOptions,
  ): Promise<Encoded[]> {
    const fields = names.map((name) => `${name}.image`);
    const pictures = items.map(({ image }) => image);
    const results = await visual.encode(pictures, { fields, signal, timeoutMs });
    return Promise.all(
      results.map(async (result) =>
        isGroundwireError(result)
          ? result
          : {
              vector: result.embedding,
              text: null,
              picture: await compressPicture(result.pixels),
              truncated: false,
            },
      ),
    );
  }

  return {
    stamp,
    list: () => store.list(),
    find,
    get,
    usable,
    create,
    delete: async (id) => {
      await get(id);
      await store.drop(id);
    },
    upsertTexts: async (id, items, options = {}) =>
      upsert(await usable(id, "TEXTS"), items, options.field ?? "items", (sound, names) =>
        encodeTexts(sound, names, options),
      ),
    upsertImages: async (id, items, options = {}) =>
      upsert(await usable(id, "IMAGES"), items, options.field ?? "items", (sound, names) =>
        encodeImages(sound, names, options),
      ),
    deleteItems: async (id, ids) => {
      const collection = await get(id);
      ids.forEach((item, i) => checkItemId(item, `ids[${i}]`));
      if (ids.length === 0) return 0;
      return whileThere(collection, () => store.remove(collection, ids));
    },
    count: async (collection, filter = {}, options) => {
      checkFilter(filter, "metadata");
      // A table knows how many rows it has: nothing is read.
      if (!filter.metadata?.length) return whileThere(collection, () => store.count(collection));
      return read(collection, () => store.count(collection, filter), options);
    },
    page: async (collection, { signal, timeoutMs, ...page }) => {
      checkFilter(page.filter ?? {}, "metadata");
      return read(collection, () => store.page(collection, page), { signal, timeoutMs });
    },
    pictures: (collection, ids, options) => read(collection, () => store.pictures(collection, ids), options),
    search: async (id, kind, { field = "filter.metadata", signal, timeoutMs, ...search }) => {
      const collection = await usable(id, kind);
      checkFilter(search.filter ?? {}, field);
      if (euclideanNorm(search.vector) === 0)
        throw new GroundwireError("BAD_USER_INPUT", "query must not be a zero vector: it points nowhere");
      const vector = normalize(search.vector);
      const task = () => store.search(collection, { ...search, vector });
      return read(collection, task, { signal, timeoutMs });
    },
    close: async () => {
      reads.close(new GroundwireError("OVERLOADED", "the collections are closed"));
      await store.close();
    },
  };
}

function absent(id: string): GroundwireError {
  return new GroundwireError("COLLECTION_NOT_FOUND", `collection ${show(id)} does not exist`);
}

function findFault({ id, metadata = [] }: TextItem | ImageItem, field: string): GroundwireError | undefined {
  try {
    checkItemId(id, `${field}.id`);
    checkMetadata(metadata, `${field}.metadata`);
    return undefined;
  } catch (error) {
    if (isGroundwireError(error)) return error;
    throw error;
  }
}

function toNewItem({ id, metadata = [] }: TextItem | ImageItem, encoded: Encoded): NewItem[] {
  if (isGroundwireError(encoded)) return [];
  const { vector, text, picture } = encoded;
  return [{ id, text, picture, vector: normalize(vector), metadata: [...metadata] }];
}
