import type { Bundle } from "../bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import type { Encoder } from "../inference/encoder.js";
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

export interface UpsertOptions {
  /** Abandons what has not been encoded. */
  signal?: AbortSignal;
  /** Milliseconds until what has not been encoded becomes a TIMEOUT error. @default the encoders' */
  timeoutMs?: number;
  /** Name of the list in messages. @default "items" */
  field?: string;
}

export interface SearchOptions extends ItemSearch {
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
   * One result an item, in order: its id once it is durable, or its error. Neighbors of a bad item are served.
   * @throws GroundwireError COLLECTION_NOT_FOUND, MODEL_MISMATCH, or BAD_USER_INPUT for a collection of pictures.
   */
  upsertTexts(
    id: string,
    items: readonly TextItem[],
    options?: UpsertOptions,
  ): Promise<(string | GroundwireError)[]>;
  /** As upsertTexts, for a collection of pictures. */
  upsertImages(
    id: string,
    items: readonly ImageItem[],
    options?: UpsertOptions,
  ): Promise<(string | GroundwireError)[]>;
  /**
   * A collection that the served model may read and write.
   * @throws GroundwireError COLLECTION_NOT_FOUND, MODEL_MISMATCH, or BAD_USER_INPUT for another kind.
   */
  usable(id: string, kind: CollectionKind): Promise<CollectionInfo>;
  /** @returns how many there were. */
  deleteItems(id: string, ids: readonly string[]): Promise<number>;
  count(collection: CollectionInfo, filter?: ItemFilter): Promise<number>;
  page(collection: CollectionInfo, page: ItemPage): Promise<StoredItem[]>;
  /** @throws GroundwireError as upsertTexts, with `kind` the collection's wanted kind. */
  search(id: string, kind: CollectionKind, search: SearchOptions): Promise<ItemHit[]>;
  close(): Promise<void>;
}

export interface CollectionsOptions {
  bundle: Bundle;
  encoder: Encoder;
  visual: VisualEncoder;
  store: VectorStore;
}

type Encoded = { vector: Float32Array; text: string | null; picture: Uint8Array | null } | GroundwireError;

/** Users' own texts and pictures: encoded by the served model, kept in a store, never mixed with another model's. */
export function createCollections({ bundle, encoder, visual, store }: CollectionsOptions): Collections {
  const { name: model, fingerprint, dimension } = bundle.manifest;
  const stamp: ModelStamp = { model, fingerprint, dimension };

  async function get(id: string): Promise<CollectionInfo> {
    // An id that cannot be created is as absent as any other.
    const found = await store.find(id);
    if (!found)
      throw new GroundwireError("COLLECTION_NOT_FOUND", `collection ${JSON.stringify(id)} does not exist`);
    return found;
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
  ): Promise<(string | GroundwireError)[]> {
    const errors = items.map((item, i) => findFault(item, `${field}[${i}]`));
    // What is malformed is not worth the model's time.
    const sound = items.flatMap((item, i) => (errors[i] ? [] : [{ item, name: `${field}[${i}]` }]));
    const encoded = await encode(
      sound.map(({ item }) => item),
      sound.map(({ name }) => name),
    );
    const results = new Map(sound.map(({ item }, i) => [item, encoded[i] as Encoded]));
    const ready = sound.flatMap(({ item }) => toNewItem(item, results.get(item) as Encoded));
    if (ready.length > 0) await store.upsert(collection, ready);
    return items.map((item, i) => {
      const result = errors[i] ?? results.get(item);
      return isGroundwireError(result) ? result : item.id;
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
      isGroundwireError(result) ? result : { vector: result.vector, text: texts[i] as string, picture: null },
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
          : { vector: result.embedding, text: null, picture: await compressPicture(result.pixels) },
      ),
    );
  }

  return {
    stamp,
    list: () => store.list(),
    find: (id) => store.find(id),
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
      return ids.length === 0 ? 0 : store.remove(collection, ids);
    },
    count: async (collection, filter = {}) => {
      checkFilter(filter, "metadata");
      return store.count(collection, filter);
    },
    page: async (collection, page) => {
      checkFilter(page.filter ?? {}, "metadata");
      return store.page(collection, page);
    },
    search: async (id, kind, { field = "filter.metadata", ...search }) => {
      const collection = await usable(id, kind);
      checkFilter(search.filter ?? {}, field);
      if (euclideanNorm(search.vector) === 0)
        throw new GroundwireError("BAD_USER_INPUT", "query must not be a zero vector: it points nowhere");
      return store.search(collection, { ...search, vector: normalize(search.vector) });
    },
    close: () => store.close(),
  };
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
