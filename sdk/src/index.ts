export type { BulkOptions, BulkProgress, FailedItem, ItemPlace, UpsertReport } from "./bulk.js";
export { createClient, type Client } from "./client.js";
export type {
  Collection,
  CollectionItem,
  CollectionMethods,
  ImageHit,
  ImageItem,
  ImageQuery,
  ItemsOptions,
  SearchImagesOptions,
  TextItem,
} from "./collections.js";
export type { AnalogyOptions, ComposeOptions, Composition, CompositionMethods } from "./composition.js";
export type { Concept, ConceptMethods, ConceptOptions } from "./concepts.js";
export type { Embedding, EmbeddingMethods, EmbedOptions, TextPair } from "./embeddings.js";
export * from "./errors.js";
export type {
  Axis,
  AxisScore,
  Box,
  CollectionKind,
  CompositionMethod,
  EntryKind,
  Limits,
  Model,
  Neighbor,
  ObjectPairInput as ObjectPair,
  OddOneOut,
  Predicate,
  Readout,
  RelationScore,
  Space,
} from "./generated/schema.js";
export type { Grounding, GroundingMethods, GroundOptions, WordGrounding } from "./grounding.js";
export type { Metadata, MetadataFilter } from "./metadata.js";
export type { ModelMethods } from "./model.js";
export type { ConceptQuery, NeighborFilter, NeighborMethods, NeighborOptions, Term } from "./neighbors.js";
export type { CallOptions, ClientOptions, Fetch } from "./options.js";
export type { Page } from "./pages.js";
export type { PictureSource } from "./pictures.js";
export type {
  IncompleteRelation,
  InferRelationsOptions,
  RelationMethods,
  RelationOptions,
} from "./relations.js";
export { mapSettled, unwrap, type Settled } from "./settled.js";
