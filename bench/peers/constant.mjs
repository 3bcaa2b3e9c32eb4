// The same HTTP and GraphQL stack with nothing behind it: Apollo Server on Fastify, one field of the same shape, always
// the same answer. What it reaches is what the stack allows.
import { Buffer } from "node:buffer";
import { ApolloServer } from "@apollo/server";
import fastifyApollo from "@as-integrations/fastify";
import Fastify from "fastify";

const typeDefs = `
  scalar Vector
  enum Space { GROUNDED }
  type Embedding { text: String! vector: Vector! norm: Float! tokenCount: Int! truncated: Boolean! }
  type Query { embed(texts: [String!]!, space: Space = GROUNDED, normalize: Boolean = true): [Embedding]! }
`;
const vector = Buffer.alloc(4 * 384, 1).toString("base64");
const resolvers = {
  Query: {
    embed: (_root, { texts }) =>
      texts.map((text) => ({ text, vector, norm: 1, tokenCount: 3, truncated: false })),
  },
};
const apollo = new ApolloServer({ typeDefs, resolvers, stopOnTerminationSignals: false });
await apollo.start();
const app = Fastify();
await app.register(fastifyApollo(apollo));
console.log(`${await app.listen({ port: 0, host: "127.0.0.1" })}/graphql`);
process.once("SIGTERM", () => process.exit(0));
