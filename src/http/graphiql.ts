import type { FastifyInstance } from "fastify";

const EXAMPLE = `{
  nearestNeighbors(query: { text: "zebra" }, first: 5) {
    nodes { text similarity }
  }
}`;

/** GraphiQL with all of its code inline: nothing is fetched from elsewhere. */
export function registerGraphiql(app: FastifyInstance): void {
  let page: Promise<string> | undefined;
  app.get("/graphiql", async (_request, reply) => {
    page ??= renderPage();
    return reply.type("text/html; charset=utf-8").send(await page);
  });
}

/** Its megabytes of code are loaded for the first who asks, not at every start. */
async function renderPage(): Promise<string> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  return renderGraphiQL({ title: "groundwire", endpoint: "/graphql", defaultQuery: EXAMPLE });
}
