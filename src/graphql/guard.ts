import { HeaderMap, type ApolloServerPlugin } from "@apollo/server";
import { GraphQLError, OperationTypeNode } from "graphql";
import { GroundwireError } from "../errors.js";
import { retryHeaders, STATUSES } from "../http/errors.js";
import type { RateLimiter } from "../http/rate-limit.js";
import type { Context } from "./context.js";
import { checkCost, createCostEstimator, type CostEstimator } from "./cost.js";
import type { TrustedDocuments } from "./trusted.js";

export interface GuardOptions {
  /** Most that one HTTP request may cost, all of its operations together; see cost.ts. */
  maxCost: number;
  limiter: RateLimiter;
  /** Where given, nothing else is executed. */
  only?: TrustedDocuments;
}

/** Decides, once an operation is known to be valid, whether this caller may have it: scope, trust, cost, rate. */
export function createGuardPlugin(options: GuardOptions): ApolloServerPlugin<Context> {
  let estimate: CostEstimator;
  return {
    serverWillStart({ schema }) {
      estimate = createCostEstimator(schema);
      return Promise.resolve();
    },
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation({ document, operation, request, contextValue }) {
          if (!operation) return Promise.resolve();
          if (operation.operation === OperationTypeNode.MUTATION) requireWrite(contextValue);
          if (options.only && !options.only.covers(document)) throw refuse(untrusted());
          const variables = request.variables ?? {};
          spend(estimate({ document, operation, variables }), contextValue, options);
          return Promise.resolve();
        },
      }),
  };
}

function requireWrite({ caller }: Context): void {
  if (caller.scope === "write") return;
  throw refuse(
    new GroundwireError("FORBIDDEN", "mutations need a key with the scope write, this one has read"),
  );
}

/** @throws GraphQLError TOO_MANY_INPUTS or RATE_LIMITED */
function spend(cost: number, { caller, tally }: Context, { maxCost, limiter }: GuardOptions): void {
  // Batched operations share one tally: splitting a request in ten does not make it cheaper.
  tally.cost += cost;
  try {
    checkCost(tally.cost, maxCost);
    limiter.spend(caller.id, cost);
  } catch (error) {
    throw refuse(error as GroundwireError);
  }
}

function untrusted(): GroundwireError {
  return new GroundwireError(
    "FORBIDDEN",
    "this server executes trusted documents only, and this is none of them",
  );
}

/** `originalError` lets formatError see the whole; `http` is Apollo's way of setting the status. */
function refuse(error: GroundwireError): GraphQLError {
  const { code, message, retryAfterMs } = error;
  const headers = new HeaderMap(retryAfterMs === undefined ? [] : retryHeaders(retryAfterMs));
  // Apollo wants its own map here, another package's declaration of `http` a record.
  const http = { status: STATUSES[code] ?? 400, headers: headers as unknown as Record<string, string> };
  return new GraphQLError(message, { originalError: error, extensions: { code, http } });
}
