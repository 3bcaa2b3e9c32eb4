import "reflect-metadata";
import type { GraphQLSchema } from "graphql";
import { buildSchema } from "type-graphql";
import { AxesResolver } from "./axes/axes.resolver.js";
import { CollectionsResolver } from "./collections/collections.resolver.js";
import { CompositionResolver } from "./composition/composition.resolver.js";
import { ConceptResolver } from "./concept/concept.resolver.js";
import { readNullAsDefault } from "./defaults.js";
import { EmbeddingResolver } from "./embedding/embedding.resolver.js";
import { GroundingResolver } from "./grounding/grounding.resolver.js";
import { ModelResolver } from "./model/model.resolver.js";
import { NeighborsResolver } from "./neighbors/neighbors.resolver.js";
import { ConceptRelationsResolver, RelationsResolver } from "./relations/relations.resolver.js";

/** The GraphQL surface; schema.graphql is printed from it. */
export async function createSchema(): Promise<GraphQLSchema> {
  const schema = await buildSchema({
    resolvers: [
      ModelResolver,
      EmbeddingResolver,
      ConceptResolver,
      NeighborsResolver,
      CompositionResolver,
      AxesResolver,
      GroundingResolver,
      CollectionsResolver,
      RelationsResolver,
      ConceptRelationsResolver,
    ],
    // Inputs are checked where they are used, with messages that name field, rule and value.
    validate: false,
  });
  return readNullAsDefault(schema);
}
