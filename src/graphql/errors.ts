import type { ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import type { FastifyBaseLogger } from "fastify";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { isGroundwireError } from "../errors.js";
import type { Context } from "./context.js";

/** Codes that Apollo gives to requests that are wrong before any resolver runs. */
const REQUEST_CODES = new Set([
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "BAD_USER_INPUT",
  "BAD_REQUEST",
  "OPERATION_RESOLUTION_FAILURE",
  "PERSISTED_QUERY_NOT_FOUND",
  "PERSISTED_QUERY_NOT_SUPPORTED",
]);

/** Characters of a long message's start and end. */
const KEPT = 300;

/** Intended errors pass with their code; the rest are masked as INTERNAL and keep only the request id. */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const { message, locations, path } = formatted;
  const cause = causeOf(error);
  const requestId = formatted.extensions?.requestId;
  if (isGroundwireError(cause) && cause.code !== "INTERNAL") {
    const { code, retryAfterMs } = cause;
    return {
      message,
      locations,
      path,
      extensions: { code, ...(retryAfterMs !== undefined && { retryAfterMs }) },
    };
  }
  const code = formatted.extensions?.code;
  if (typeof code === "string" && REQUEST_CODES.has(code))
    return { message: shortened(message), locations, path, extensions: { code } };
  return { message: "internal error", locations, path, extensions: { code: "INTERNAL", requestId } };
}

/** graphql-js repeats a wrong value whole, be it a vector or a picture. */
function shortened(message: string): string {
  const left = message.length - 2 * KEPT;
  if (left <= 0) return message;
  return `${message.slice(0, KEPT)} ... (${left} characters left out) ... ${message.slice(-KEPT)}`;
}

/** What was thrown: by a resolver, or by a plugin before any ran. */
function causeOf(error: unknown): unknown {
  const thrown = unwrapResolverError(error);
  return thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown;
}

/** Logs what will be masked, with the request id that the client is told. */
export function createErrorLogPlugin(log: FastifyBaseLogger): ApolloServerPlugin<Context> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didEncounterErrors: ({ errors, contextValue }) => {
          for (const error of errors) logMasked(error, contextValue.requestId, log);
          return Promise.resolve();
        },
      }),
  };
}

function logMasked(error: GraphQLError, requestId: string, log: FastifyBaseLogger): void {
  error.extensions.requestId = requestId;
  const cause = causeOf(error);
  const intended = isGroundwireError(cause)
    ? cause.code !== "INTERNAL"
    : REQUEST_CODES.has(error.extensions.code as string);
  if (!intended) log.error({ err: cause, path: error.path, requestId }, "request failed");
}
