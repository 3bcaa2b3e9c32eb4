import { sendInChunks, type BulkOptions, type BulkPlan, type UpsertReport } from "./bulk.js";
import * as documents from "./collection-documents.js";
import { CollectionNotFoundError } from "./errors.js";
import type { CollectionKind, ImageQueryInput } from "./generated/schema.js";
import { fromEntries, toEntries, toFilter, type Metadata, type MetadataFilter } from "./metadata.js";
import { MODEL } from "./model.js";
import type { CallOptions } from "./options.js";
import { iteratePages, mapPage, toPage, type Page } from "./pages.js";
import { toBase64Picture, type DownloadOptions, type PictureSource } from "./pictures.js";
import type { Execute } from "./scheduler.js";

/** A user's own texts or pictures, with vectors of one model. */
export interface Collection extends Omit<documents.WireCollection, "createdAt"> {
  createdAt: Date;
}

export interface TextItem {
  /** An item of the same id is replaced. 1 to 512 characters. */
  id: string;
  text: string;
  metadata?: Metadata;
}

export interface ImageItem {
  /** An item of the same id is replaced. 1 to 512 characters. */
  id: string;
  image: PictureSource;
  metadata?: Metadata;
}

export interface CollectionItem {
  id: string;
  /** Null for a picture. */
  text: string | null;
  metadata: Record<string, string[]>;
}

/** A picture, a text, or both. */
export interface ImageQuery {
  text?: string;
  image?: PictureSource;
  /** alpha of (1 - alpha) image + alpha text, both at length 1; 0 to 1. @default 0.5 */
  textWeight?: number;
  /** What pictures should not show. */
  negativeText?: string;
  metadata?: MetadataFilter;
}

export interface ImageHit {
  id: string;
  /** Cosine, -1 to 1. */
  similarity: number;
  /** From 1. */
  rank: number;
  metadata: Record<string, string[]>;
  /** What the model saw, 224 x 224 squashed, as a data URI of a JPEG; where it was asked for. */
  thumbnail?: string | null;
}

export interface SearchImagesOptions extends CallOptions {
  /** Hits on a page, 1 to the server's `maxFirst`. @default 10 */
  first?: number;
  /** Ask for thumbnails. @default false */
  thumbnails?: boolean;
}

export interface ItemsOptions extends CallOptions {
  /** Items on a page, 1 to the server's `maxFirst`. @default 100 */
  first?: number;
  metadata?: MetadataFilter;
}

export interface CollectionMethods {
  /** All collections, in the order of their ids. */
  collections(options?: CallOptions): Promise<Collection[]>;
  /** A collection, or null where there is none of this id. */
  collection(id: string, options?: CallOptions): Promise<Collection | null>;
  /**
   * Makes an empty collection for the served model.
   * @param id 1 to 64 of a-z, 0-9, _ and -.
   * @throws BadUserInputError where the id is taken or breaks the rule
   */
  createCollection(id: string, kind: CollectionKind, options?: CallOptions): Promise<Collection>;
  /** Deletes a collection with all of its items. @throws CollectionNotFoundError */
  deleteCollection(id: string, options?: CallOptions): Promise<void>;
  /** How many items pass the filter. @throws CollectionNotFoundError */
  countItems(id: string, options?: CallOptions & { metadata?: MetadataFilter }): Promise<number>;
  /**
   * The items that pass the filter, in the order of their ids, asked for page by page as the loop goes on.
   * @throws CollectionNotFoundError
   */
  items(id: string, options?: ItemsOptions): AsyncIterable<CollectionItem>;
  /**
   * Inserts texts, or replaces those of the same id; any number, in chunks. Items that fail are reported, not thrown.
   * Of two items of one id in the same call either may win.
   * @throws CollectionNotFoundError, ModelMismatchError, BadUserInputError for a collection of pictures
   */
  upsertTexts(
    id: string,
    items: Iterable<TextItem> | AsyncIterable<TextItem>,
    options?: BulkOptions,
  ): Promise<UpsertReport>;
  /**
   * Inserts pictures, or replaces those of the same id; any number, in chunks, each read when its turn comes. Items that
   * fail, also those that cannot be read, are reported, not thrown. Of two items of one id in the same call either may win.
   * @throws CollectionNotFoundError, ModelMismatchError, BadUserInputError for a collection of texts
   */
  upsertImages(
    id: string,
    items: Iterable<ImageItem> | AsyncIterable<ImageItem>,
    options?: BulkOptions,
  ): Promise<UpsertReport>;
  /**
   * Deletes items; answers how many there were. Any number of ids. After a retry the count can lack those that the
   * first attempt deleted.
   */
  deleteItems(id: string, ids: readonly string[], options?: CallOptions): Promise<number>;
  /**
   * Pictures of a collection by cosine to a picture, a text, or both; a page of them.
   * @throws CollectionNotFoundError, ModelMismatchError, ImageUnreadableError, BadUserInputError for an empty query
   */
  searchImages(
    id: string,
    query: ImageQuery | string,
    options?: SearchImagesOptions & { after?: string },
  ): Promise<Page<ImageHit>>;
  /** The same as an async iterable over all pictures, asked for page by page as the loop goes on. */
  imageHits(id: string, query: ImageQuery | string, options?: SearchImagesOptions): AsyncIterable<ImageHit>;
}

export function createCollectionMethods(execute: Execute, download: DownloadOptions): CollectionMethods {
  async function collections({ signal }: CallOptions = {}): Promise<Collection[]> {
    return (await execute(documents.COLLECTIONS, {}, signal)).map(dated);
  }

  async function collection(id: string, { signal }: CallOptions = {}): Promise<Collection | null> {
    const found = await execute(documents.COLLECTION, { id }, signal);
    return found && dated(found);
  }

  async function countItems(
    id: string,
    options: CallOptions & { metadata?: MetadataFilter } = {},
  ): Promise<number> {
    const variables = { id, metadata: toFilter(options.metadata) };
    return present(id, await execute(documents.COUNT_ITEMS, variables, options.signal)).count;
  }

  function items(id: string, { first, metadata, signal }: ItemsOptions = {}): AsyncIterable<CollectionItem> {
    return iteratePages(async (after) => {
      const variables = { id, first, after, metadata: toFilter(metadata) };
      const found = present(id, await execute(documents.COLLECTION_ITEMS, variables, signal));
      return mapPage(toPage(found.items), (item) => ({ ...item, metadata: fromEntries(item.metadata) }));
    }, signal);
  }

  async function upsert<Item extends { id: string }, Wire>(
    plan: Omit<BulkPlan<Item, Wire>, "limits">,
    options: BulkOptions,
  ): Promise<UpsertReport> {
    const { limits } = await execute(MODEL, {}, options.signal);
    return sendInChunks({ ...plan, limits }, options);
  }

  function upsertTexts(
    id: string,
    texts: Iterable<TextItem> | AsyncIterable<TextItem>,
    options: BulkOptions = {},
  ): Promise<UpsertReport> {
    return upsert(
      {
        items: texts,
        maxItems: 256,
        prepare: ({ id: item, text, metadata = {} }: TextItem) => ({
          id: item,
          text,
          metadata: toEntries(metadata),
        }),
        send: (chunk) => execute(documents.UPSERT_TEXTS, { collection: id, items: chunk }, options.signal),
      },
      options,
    );
  }

  function upsertImages(
    id: string,
    images: Iterable<ImageItem> | AsyncIterable<ImageItem>,
    options: BulkOptions = {},
  ): Promise<UpsertReport> {
    const { signal } = options;
    return upsert(
      {
        items: images,
        maxItems: 64,
        prepare: async ({ metadata = {}, image, id: item }: ImageItem) => ({
          id: item,
          image: await toBase64Picture(image, download, signal),
          metadata: toEntries(metadata),
        }),
        send: (chunk) => execute(documents.UPSERT_IMAGES, { collection: id, items: chunk }, signal),
      },
      options,
    );
  }

  async function deleteItems(
    id: string,
    ids: readonly string[],
    { signal }: CallOptions = {},
  ): Promise<number> {
    const { limits } = await execute(MODEL, {}, signal);
    let deleted = 0;
    for (let i = 0; i < ids.length; i += limits.maxTexts) {
      const chunk = ids.slice(i, i + limits.maxTexts);
      deleted += await execute(documents.DELETE_ITEMS, { collection: id, ids: chunk }, signal);
    }
    return deleted;
  }

  async function searchImages(
    id: string,
    query: ImageQuery | string,
    options: SearchImagesOptions & { after?: string } = {},
  ): Promise<Page<ImageHit>> {
    return findPage(id, await toImageQuery(query, options.signal), options);
  }

  /** The picture is read once, not for each page. */
  async function* imageHits(
    id: string,
    query: ImageQuery | string,
    options: SearchImagesOptions = {},
  ): AsyncGenerator<ImageHit, void> {
    const wire = await toImageQuery(query, options.signal);
    yield* iteratePages((after) => findPage(id, wire, { ...options, after }), options.signal);
  }

  async function toImageQuery(
    query: ImageQuery | string,
    signal: AbortSignal | undefined,
  ): Promise<ImageQueryInput> {
    if (typeof query === "string") return { text: query };
    const { text, image, textWeight, negativeText, metadata } = query;
    const picture = image === undefined ? undefined : await toBase64Picture(image, download, signal);
    return { text, image: picture, textWeight, negativeText, metadata: toFilter(metadata) };
  }

  async function findPage(
    id: string,
    query: ImageQueryInput,
    { first, after, thumbnails = false, signal }: SearchImagesOptions & { after?: string },
  ): Promise<Page<ImageHit>> {
    const variables = { collection: id, query, first, after, withThumbnails: thumbnails };
    const found = await execute(documents.SEARCH_IMAGES, variables, signal);
    return mapPage(toPage(found), (hit) => ({ ...hit, metadata: fromEntries(hit.metadata) }));
  }

  return {
    collections,
    collection,
    countItems,
    items,
    upsertTexts,
    upsertImages,
    deleteItems,
    searchImages,
    imageHits,
    createCollection: async (id, kind, { signal } = {}) =>
      dated(await execute(documents.CREATE_COLLECTION, { id, kind }, signal)),
    deleteCollection: async (id, { signal } = {}) =>
      void (await execute(documents.DELETE_COLLECTION, { id }, signal)),
  };
}

function dated(collection: documents.WireCollection): Collection {
  return { ...collection, createdAt: new Date(collection.createdAt) };
}

function present<T>(id: string, found: T | null): T {
  if (found === null) throw new CollectionNotFoundError(`collection ${JSON.stringify(id)} does not exist`);
  return found;
}
