import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Timings } from "../inference/encoder.js";
import type { Metrics } from "./metrics.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What the request's texts cost, once a GraphQL context is made. */
    timings?: Timings;
  }
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Answers are data: nothing in them may run or be framed. */
const ANSWER_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** The explorer and GraphiQL bring all of their code along, some of it inline. */
const PAGE_POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'";

/** The caller's x-request-id where it is a plain token, else a new one. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Request ids, security headers and server-timing on every answer; one observation a request. */
export function registerRequestHooks(app: FastifyInstance, metrics: Metrics): void {
  app.decorateRequest("timings", undefined);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    reply.header("x-content-type-options", "nosniff");
    reply.header("x-frame-options", "DENY");
    reply.header("referrer-policy", "no-referrer");
    reply.header("cache-control", "no-store");
    done();
  });
  app.addHook("onSend", (request, reply, payload, done) => {
    const isPage = String(reply.getHeader("content-type")).startsWith("text/html");
    reply.header("content-security-policy", isPage ? PAGE_POLICY : ANSWER_POLICY);
    if (request.timings) reply.header("server-timing", serverTiming(request.timings));
    done(null, payload);
  });
  app.addHook("onResponse", (request, reply, done) => {
    metrics.countRequest(request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime);
    done();
  });
}

function serverTiming({ queueMs, tokenizeMs, inferMs }: Timings): string {
  return `queue;dur=${short(queueMs)}, tokenize;dur=${short(tokenizeMs)}, infer;dur=${short(inferMs)}`;
}

/** Two digits: faster than toFixed, for every answer has three of them. */
function short(ms: number): number {
  return Math.round(ms * 100) / 100;
}
