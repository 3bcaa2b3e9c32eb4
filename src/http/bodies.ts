import { pipeline, Transform } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { GroundwireError } from "../errors.js";

/**
 * Bytes of all large bodies under way. One may be as large as a photo, and is held several times over (as it came, as
 * JSON, as a picture) until it is answered: without a bound on all, a few dozen clients fill the memory.
 */
const BODIES_IN_FLIGHT = 128 * 1024 * 1024;
/** Bodies of up to so many bytes do not count: texts are served however many photos are under way. */
const SMALL = 64 * 1024;
/**
 * Values in one body: numbers, texts, lists. Pictures are few and large; a body as large of tiny values would hold the
 * event loop for seconds before the first of them could be refused.
 */
const MAX_VALUES = 500_000;
/** Rough time in which requests under way are answered; the hint given to refused callers. */
const RETRY_AFTER_MS = 1_000;

/** Bounds the size of a body, of all bodies under way, and the number of values in one. */
export function registerBodyLimits(app: FastifyInstance, maxBodyBytes: number): void {
  // One request alone is always served, whatever a body's limit is set to.
  const most = Math.max(BODIES_IN_FLIGHT, maxBodyBytes);
  let held = 0;

  /** Counts what arrives, not what is announced: whoever sends nothing takes nothing from the others. */
  function meter(reply: FastifyReply): Transform {
    let mine = 0;
    // A response closes once it has been sent, or once its connection is lost.
    reply.raw.once("close", () => (held -= mine));
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (held + chunk.length > most) {
          // The rest of it would still be on its way.
          void reply.header("connection", "close");
          return done(overloaded(most));
        }
        mine += chunk.length;
        held += chunk.length;
        done(null, chunk);
      },
    });
  }

  app.addHook("preParsing", (request, reply, payload, done) => {
    const announced = Number(request.headers["content-length"] ?? Infinity);
    if (announced <= SMALL) return done(null, payload);
    if (announced !== Infinity && announced > maxBodyBytes) {
      void reply.header("connection", "close");
      return done(tooLarge(announced, maxBodyBytes));
    }
    // What ends a body early is told to its reader, by the stream that it reads.
    done(
      null,
      pipeline(payload, meter(reply), () => undefined),
    );
  });
  app.addHook("preValidation", ({ body }, _reply, done) => {
    const fits = hasAtMost(MAX_VALUES, body);
    done(
      fits
        ? undefined
        : new GroundwireError("TOO_MANY_INPUTS", `a body must have at most ${MAX_VALUES} values`),
    );
  });
}

function overloaded(most: number): GroundwireError {
  const message = `the bodies of all requests under way must have at most ${most} bytes; try again later`;
  return new GroundwireError("OVERLOADED", message, { retryAfterMs: RETRY_AFTER_MS });
}

function tooLarge(bytes: number, most: number): Error {
  const message = `a request's body must have at most ${most} bytes (GROUNDWIRE_MAX_BODY_BYTES), has ${bytes}`;
  return Object.assign(new Error(message), { statusCode: 413 });
}

/** Stops at the first value beyond `most`. */
function hasAtMost(most: number, body: unknown): boolean {
  const open: unknown[] = [body];
  let count = 0;
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const children: unknown[] = Array.isArray(value) ? value : Object.values(value);
    count += children.length;
    if (count > most) return false;
    for (const child of children) if (typeof child === "object") open.push(child);
  }
  return true;
}
