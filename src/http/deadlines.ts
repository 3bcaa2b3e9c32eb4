import type { FastifyInstance, FastifyReply } from "fastify";
import { GroundwireError } from "../errors.js";

declare module "fastify" {
  interface FastifyRequest {
    deadline: Deadline;
  }
}

export interface Deadline {
  /**
   * Aborts at the request's deadline, when its client has gone, or when the server gives up waiting. Its reason is the
   * error to answer.
   */
  readonly signal: AbortSignal;
}

export interface Deadlines {
  /** Ends every request under way with this error. */
  abortAll: (reason: GroundwireError) => void;
}

/** @param timeoutMs milliseconds that one request may take */
export function registerDeadlines(app: FastifyInstance, timeoutMs: number): Deadlines {
  // In the order of their ends, for all may take equally long: one timer, for the first of them, does for all.
  const active = new Set<Watch>();
  let timer: NodeJS.Timeout | undefined;

  function abortLate(): void {
    timer = undefined;
    const now = performance.now();
    for (const watched of active) {
      const leftMs = watched.startedAt + timeoutMs - now;
      if (leftMs > 0) {
        timer = setTimeout(abortLate, leftMs).unref();
        return;
      }
      watched.abort(createLate(timeoutMs));
      active.delete(watched);
    }
  }

  function watch({ raw }: FastifyReply): Watch {
    const watched = new Watch();
    active.add(watched);
    timer ??= setTimeout(abortLate, timeoutMs).unref();
    // A response closes once it has been sent, or once its connection is lost.
    raw.once("close", () => {
      active.delete(watched);
      if (!raw.writableFinished) watched.abort(new GroundwireError("TIMEOUT", "the client has gone"));
    });
    return watched;
  }

  app.decorateRequest("deadline");
  app.addHook("onRequest", (request, reply, done) => {
    request.deadline = watch(reply);
    done();
  });
  return { abortAll: (reason) => active.forEach((watched) => watched.abort(reason)) };
}

/** An AbortController that is made when somebody asks for its signal: a text in the cache needs none. */
class Watch implements Deadline {
  readonly startedAt = performance.now();
  private controller: AbortController | undefined;
  private reason: GroundwireError | undefined;

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.reason) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  abort(reason: GroundwireError): void {
    this.reason ??= reason;
    this.controller?.abort(this.reason);
  }
}

/** Made when it is needed: an error's stack costs more than all else that is done for a cached text. */
function createLate(timeoutMs: number): GroundwireError {
  return new GroundwireError("TIMEOUT", `the request took longer than its limit of ${timeoutMs} ms`);
}
