import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LRUCache } from "lru-cache";
import type { Tally } from "../graphql/context.js";
import type { Metrics } from "./metrics.js";
import type { RateLimiter } from "./rate-limit.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What the answer took, once a GraphQL context is made. */
    tally?: Tally;
    /** What the answer may be kept under. */
    answerKey?: string;
  }
}

interface Answer {
  body: string;
  contentType: string;
  /** What asking for it costs its caller, each time. */
  cost: number;
}

/** Characters of all kept answers and their keys, each a byte but for other scripts than Latin. */
const MOST_KEPT = 6 * 1024 * 1024;
/** Requests remembered, with and without their answers. */
const MOST_REQUESTS = 4096;
const LONGEST_KEPT = 256 * 1024;
/** In an answer's place where its request was seen for the first time: most are never seen again. */
const ONCE = "once";
/** Bytes of a request: photos are not compared with each other. */
const LONGEST_REQUEST = 4096;
const NO_TIME = { tokenizeMs: 0, queueMs: 0, inferMs: 0 };

/**
 * Gives whole answers again. A bundle answers the same for ever, so only what reads a collection, or failed, is worked out
 * each time. Kept is what has been asked before, and found its texts in the encoder's cache.
 */
export function registerAnswers(app: FastifyInstance, limiter: RateLimiter, metrics: Metrics): void {
  const kept = new LRUCache<string, Answer | typeof ONCE>({
    max: MOST_REQUESTS,
    maxSize: MOST_KEPT,
    maxEntrySize: LONGEST_KEPT,
    sizeCalculation: (answer, key) => key.length + (answer === ONCE ? 0 : answer.body.length),
  });
  app.addHook("preHandler", (request, reply, done) => {
    const key = keyOf(request);
    if (key === undefined) return done();
    const answer = kept.get(key);
    if (answer !== undefined && answer !== ONCE && canSpend(limiter, request, answer.cost)) {
      request.timings = NO_TIME;
      metrics.countRepeated();
      void reply.header("content-type", answer.contentType).send(answer.body);
      return;
    }
    request.answerKey = key;
    done();
  });
  app.addHook("onSend", (request, reply, payload, done) => {
    const { answerKey: key, tally } = request;
    if (key !== undefined && tally && isLasting(request, reply, payload)) {
      const contentType = String(reply.getHeader("content-type"));
      kept.set(key, kept.has(key) ? { body: payload, contentType, cost: tally.cost } : ONCE);
    }
    done(null, payload);
  });
}

function keyOf({ method, routeOptions, headers, body }: FastifyRequest): string | undefined {
  const isSmall = Number(headers["content-length"] ?? Infinity) <= LONGEST_REQUEST;
  if (!isSmall || method !== "POST" || routeOptions.url !== "/graphql") return undefined;
  // A batch is an array.
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  return `${headers.accept ?? ""}\n${JSON.stringify(body)}`;
}

/** Who may not gets the whole way's refusal. */
function canSpend(limiter: RateLimiter, { caller }: FastifyRequest, cost: number): boolean {
  try {
    limiter.spend(caller.id, cost);
    return true;
  } catch {
    return false;
  }
}

function isLasting(
  { tally, timings }: FastifyRequest,
  { statusCode }: FastifyReply,
  payload: unknown,
): payload is string {
  const isOld = tally?.readsCollections === false && timings?.tokenizeMs === 0;
  // Errors come first.
  return isOld && statusCode === 200 && typeof payload === "string" && payload.startsWith('{"data":');
}
