import type { FastifyInstance, FastifyRequest } from "fastify";

/**
 * Lets programs ask by GET. Apollo refuses every request that a page of another site could make a browser send without
 * a preflight, which is each GET that lacks a header of Apollo's own. A GET that no browser sent, or that a browser says
 * came from this very site, is given that header. (Mutations by GET are refused in any case.)
 */
export function registerSafeGet(app: FastifyInstance): void {
  app.addHook("preHandler", (request, _reply, done) => {
    if (request.method === "GET" && request.routeOptions.url === "/graphql" && isSafe(request))
      request.headers["apollo-require-preflight"] = "true";
    done();
  });
}

/** Pages cannot change their browser's user-agent without a preflight, and all browsers call themselves Mozilla. */
function isSafe({ headers }: FastifyRequest): boolean {
  const isBrowser = /^(Mozilla|Opera)\//.test(headers["user-agent"] ?? "");
  return headers["sec-fetch-site"] === "same-origin" || (!isBrowser && headers.origin === undefined);
}
