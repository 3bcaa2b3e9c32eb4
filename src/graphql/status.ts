import type { ApolloServerPlugin } from "@apollo/server";
import type { Context } from "./context.js";

/** Codes of requests that were well-formed HTTP, but not a query that could be executed. */
const DOCUMENT_CODES = new Set(["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"]);

/**
 * GraphQL over HTTP, section 6.4.1: a client that asks for application/json, in which a status cannot be told from a
 * proxy's, gets 200 for a document or variables that are wrong; application/graphql-response+json gets 400.
 */
export function createStatusPlugin(): ApolloServerPlugin<Context> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        willSendResponse({ request, response }) {
          const { body, http } = response;
          const accept = request.http?.headers.get("accept") ?? "";
          if (http.status !== 400 || body.kind !== "single" || accept.includes("graphql-response"))
            return Promise.resolve();
          const codes = body.singleResult.errors?.map(({ extensions }) => extensions?.code as string) ?? [];
          if (codes.every((code) => DOCUMENT_CODES.has(code))) http.status = 200;
          return Promise.resolve();
        },
      }),
  };
}
