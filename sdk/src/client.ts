import { createCollectionMethods, type CollectionMethods } from "./collections.js";
import { createCompositionMethods, type CompositionMethods } from "./composition.js";
import { createConceptMethods, type ConceptMethods } from "./concepts.js";
import { createEmbeddingMethods, type EmbeddingMethods } from "./embeddings.js";
import { createGroundingMethods, type GroundingMethods } from "./grounding.js";
import { createModelMethods, MODEL, type ModelMethods } from "./model.js";
import { createNeighborMethods, type NeighborMethods } from "./neighbors.js";
import { checkOptions, type ClientOptions } from "./options.js";
import { createRelationMethods, type RelationMethods } from "./relations.js";
import { createScheduler } from "./scheduler.js";
import { createTransport } from "./transport.js";

/**
 * A gateway's questions as methods. Calls made in one tick travel in one request, split to the server's
 * limits. Every method rejects with a GroundwireError whose `code` says what went wrong.
 */
export interface Client
  extends
    ModelMethods,
    EmbeddingMethods,
    ConceptMethods,
    NeighborMethods,
    CompositionMethods,
    RelationMethods,
    GroundingMethods,
    CollectionMethods {}

/**
 * Makes a client; nothing is sent before the first call.
 * @throws BadUserInputError naming the option, its rule and its value.
 * @example
 * const client = createClient({ url: "http://127.0.0.1:4000/graphql" });
 * const { vector } = await client.embed("striped horse");
 */
export function createClient(options: ClientOptions): Client {
  const { combine, maxConcurrency, ...transport } = checkOptions(options);
  const execute = createScheduler(createTransport(transport), {
    combine,
    maxConcurrency,
    limitsOperation: MODEL,
  });
  return {
    ...createModelMethods(execute),
    ...createEmbeddingMethods(execute),
    ...createConceptMethods(execute),
    ...createNeighborMethods(execute),
    ...createCompositionMethods(execute),
    ...createRelationMethods(execute, transport),
    ...createGroundingMethods(execute, transport),
    ...createCollectionMethods(execute, transport),
  };
}
