import type { Operation } from "./document.js";
import type {
  Collection,
  CollectionItem,
  CollectionKind,
  ImageHit,
  ImageItemInput,
  ImageQueryInput,
  MetadataFilterInput,
  TextItemInput,
  UpsertedItem,
} from "./generated/schema.js";
import type { Connection } from "./pages.js";
import type { Settled } from "./settled.js";

export type WireCollection = Omit<Collection, "items">;
type WireItem = CollectionItem & { text: string | null };

const COLLECTION_FIELDS = "{ id kind model fingerprint current dimension createdAt count }";
const PAGE_INFO = "pageInfo { hasNextPage endCursor }";

export const COLLECTIONS: Operation<object, WireCollection[]> = {
  name: "Collections",
  kind: "query",
  field: "collections",
  args: {},
  selection: COLLECTION_FIELDS,
};

export const COLLECTION: Operation<{ id: string }, WireCollection | null> = {
  name: "Collection",
  kind: "query",
  field: "collection",
  args: { id: "ID!" },
  selection: COLLECTION_FIELDS,
  nullable: true,
};

export const COUNT_ITEMS: Operation<
  { id: string; metadata?: MetadataFilterInput[] },
  { count: number } | null
> = {
  name: "CountItems",
  kind: "query",
  field: "collection",
  args: { id: "ID!" },
  variables: { metadata: "[MetadataFilterInput!]" },
  selection: "{ count(metadata: $metadata) }",
  nullable: true,
};

interface ItemsVariables {
  id: string;
  first?: number;
  after?: string;
  metadata?: MetadataFilterInput[];
}

export const COLLECTION_ITEMS: Operation<ItemsVariables, { items: Connection<WireItem> } | null> = {
  name: "CollectionItems",
  kind: "query",
  field: "collection",
  args: { id: "ID!" },
  variables: { first: "Int = 100", after: "String", metadata: "[MetadataFilterInput!]" },
  selection: `{
    items(first: $first, after: $after, metadata: $metadata) { nodes { id text metadata { key value } } ${PAGE_INFO} }
  }`,
  nullable: true,
};

interface SearchVariables {
  collection: string;
  query: ImageQueryInput;
  first?: number;
  after?: string;
  withThumbnails: boolean;
}

export const SEARCH_IMAGES: Operation<SearchVariables, Connection<ImageHit>> = {
  name: "SearchImages",
  kind: "query",
  field: "searchImages",
  args: { collection: "ID!", query: "ImageQueryInput!", first: "Int = 10", after: "String" },
  variables: { withThumbnails: "Boolean = false" },
  selection: `{
    nodes { id similarity rank metadata { key value } thumbnail @include(if: $withThumbnails) } ${PAGE_INFO}
  }`,
};

export const CREATE_COLLECTION: Operation<{ id: string; kind: CollectionKind }, WireCollection> = {
  name: "CreateCollection",
  kind: "mutation",
  field: "createCollection",
  args: { id: "ID!", kind: "CollectionKind!" },
  selection: COLLECTION_FIELDS,
};

export const DELETE_COLLECTION: Operation<{ id: string }, boolean> = {
  name: "DeleteCollection",
  kind: "mutation",
  field: "deleteCollection",
  args: { id: "ID!" },
  selection: "",
};

export const UPSERT_TEXTS: Operation<
  { collection: string; items: TextItemInput[] },
  Settled<UpsertedItem>[]
> = {
  name: "UpsertTexts",
  kind: "mutation",
  field: "upsertTexts",
  args: { collection: "ID!", items: "[TextItemInput!]!" },
  selection: "{ id truncated }",
  list: "items",
  idempotent: true,
};

export const UPSERT_IMAGES: Operation<
  { collection: string; items: ImageItemInput[] },
  Settled<UpsertedItem>[]
> = {
  name: "UpsertImages",
  kind: "mutation",
  field: "upsertImages",
  args: { collection: "ID!", items: "[ImageItemInput!]!" },
  selection: "{ id }",
  list: "items",
  idempotent: true,
};

export const DELETE_ITEMS: Operation<{ collection: string; ids: readonly string[] }, number> = {
  name: "DeleteItems",
  kind: "mutation",
  field: "deleteItems",
  args: { collection: "ID!", ids: "[ID!]!" },
  selection: "",
  idempotent: true,
};
