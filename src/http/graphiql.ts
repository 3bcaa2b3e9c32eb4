import { renderGraphiQL } from "@graphql-yoga/render-graphiql";
import type { FastifyInstance } from "fastify";

const EXAMPLE = `{
  nearestNeighbors(query: { text: "zebra" }, first: 5) {
    nodes { text similarity }
  }
}`;

/** GraphiQL with all of its code inline: nothing is fetched from elsewhere. */
export function registerGraphiql(app: FastifyInstance): void {
  const page = renderGraphiQL({ title: "groundwire", endpoint: "/graphql", defaultQuery: EXAMPLE });
  app.get("/graphiql", (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
}
