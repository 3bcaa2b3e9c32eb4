export { createClient, type Client } from "./client.js";
export type { AnalogyOptions, ComposeOptions, Composition, CompositionMethods } from "./composition.js";
export type { Concept, ConceptMethods, ConceptOptions } from "./concepts.js";
export type { Embedding, EmbeddingMethods, EmbedOptions, TextPair } from "./embeddings.js";
export * from "./errors.js";
export type {
  Axis,
  AxisScore,
  CompositionMethod,
  EntryKind,
  Limits,
  Model,
  Neighbor,
  NeighborFilter,
  OddOneOut,
  Readout,
  Space,
} from "./generated/schema.js";
export type { ModelMethods } from "./model.js";
export type { ConceptQuery, NeighborMethods, NeighborOptions, Term } from "./neighbors.js";
export type { CallOptions, ClientOptions } from "./options.js";
export type { Page } from "./pages.js";
export { mapSettled, unwrap, type Settled } from "./settled.js";
