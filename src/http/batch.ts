import type { FastifyInstance } from "fastify";
import { GroundwireError } from "../errors.js";

/** Most GraphQL operations in one HTTP request. */
export const MAX_BATCHED_OPERATIONS = 10;

/** Refuses a JSON array of more operations before any of them is looked at. */
export function registerBatchCap(app: FastifyInstance): void {
  app.addHook("preHandler", (request, _reply, done) => {
    const { body } = request;
    const isGraphql = request.routeOptions.url === "/graphql";
    if (!isGraphql || !Array.isArray(body) || body.length <= MAX_BATCHED_OPERATIONS) return done();
    const message = `a batch must have at most ${MAX_BATCHED_OPERATIONS} operations, has ${body.length}`;
    done(new GroundwireError("TOO_MANY_INPUTS", message));
  });
}
