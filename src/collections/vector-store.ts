export type CollectionKind = "TEXTS" | "IMAGES";

/** The bundle that a collection's vectors come from. */
export interface ModelStamp {
  /** Bundle name, for people. */
  model: string;
  /** Hash over the bundle's weights: vectors of different fingerprints never mix. */
  fingerprint: string;
  dimension: number;
}

export interface CollectionInfo extends ModelStamp {
  id: string;
  kind: CollectionKind;
  createdAt: Date;
  /** The store's own name for where the items lie. */
  place: string;
}

/** A key may have several values; order is kept. */
export interface MetadataEntry {
  key: string;
  value: string;
}

export interface StoredItem {
  /** Unique in its collection. */
  id: string;
  /** The text of an item of a TEXTS collection. */
  text: string | null;
  /** What the model saw of an item of an IMAGES collection, so that another model can see it: a small JPEG. */
  picture: Uint8Array | null;
  metadata: MetadataEntry[];
}

export interface NewItem extends StoredItem {
  /** [D], unit length. */
  vector: Float32Array;
}

export interface ItemFilter {
  /** For each key one of its values; all must hold. */
  metadata?: readonly { key: string; in: readonly string[] }[];
  /** Only texts that begin with this, compared exactly. */
  textPrefix?: string;
  /** Texts to leave out, compared exactly. */
  excludeTexts?: readonly string[];
}

export interface ItemHit extends Omit<StoredItem, "picture"> {
  /** Cosine, -1 to 1. */
  similarity: number;
}

export interface ItemSearch {
  /** [D], unit length. */
  vector: Float32Array;
  /** Most hits, at least 1. */
  limit: number;
  filter?: ItemFilter;
}

export interface ItemPage {
  /** Most items, at least 1. */
  limit: number;
  /** Only ids that follow this one. */
  after?: string;
  filter?: ItemFilter;
  /** @default false */
  withPictures?: boolean;
}

/**
 * Where collections live. It knows nothing of models: whether a vector may be compared with a collection is decided
 * before it is asked. Writes are durable once their promise resolves.
 */
export interface VectorStore {
  /** In the order of their ids. */
  list(): Promise<CollectionInfo[]>;
  find(id: string): Promise<CollectionInfo | undefined>;
  /** @returns undefined where the id is taken. */
  create(id: string, kind: CollectionKind, stamp: ModelStamp): Promise<CollectionInfo | undefined>;
  /** @returns false where there is none. */
  drop(id: string): Promise<boolean>;
  /** Inserts, or replaces items of the same id. */
  upsert(collection: CollectionInfo, items: readonly NewItem[]): Promise<void>;
  /** @returns how many there were. */
  remove(collection: CollectionInfo, ids: readonly string[]): Promise<number>;
  count(collection: CollectionInfo, filter?: ItemFilter): Promise<number>;
  /** Another number after every write, of whatever process. */
  revision(collection: CollectionInfo): Promise<number>;
  /** Items in the order of their ids, by code point. */
  page(collection: CollectionInfo, page: ItemPage): Promise<StoredItem[]>;
  /** Pictures by their items' ids. They are large, so that hits come without: only what is shown is read. */
  pictures(collection: CollectionInfo, ids: readonly string[]): Promise<Map<string, Uint8Array>>;
  /** The nearest items, exact, best first; equal ones in the order of their ids. */
  search(collection: CollectionInfo, search: ItemSearch): Promise<ItemHit[]>;
  /**
   * A second, unseen set of the collection's items for another model. One that was begun before and not finished is
   * found again as it was left.
   */
  beginReplacement(collection: CollectionInfo, stamp: ModelStamp): Promise<CollectionInfo>;
  /** Puts the replacement in the collection's place, in one step. */
  finishReplacement(collection: CollectionInfo, replacement: CollectionInfo): Promise<void>;
  close(): Promise<void>;
}
