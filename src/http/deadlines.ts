import type { FastifyInstance, FastifyReply } from "fastify";
import { GroundwireError } from "../errors.js";

declare module "fastify" {
  interface FastifyRequest {
    /**
     * Aborts at the request's deadline, when its client has gone, or when the server gives up waiting. Its reason is
     * the error to answer.
     */
    deadline: AbortSignal;
  }
}

export interface Deadlines {
  /** Ends every request under way with this error. */
  abortAll: (reason: GroundwireError) => void;
}

/** @param timeoutMs milliseconds that one request may take */
export function registerDeadlines(app: FastifyInstance, timeoutMs: number): Deadlines {
  const active = new Set<AbortController>();

  function watch({ raw }: FastifyReply): AbortSignal {
    const controller = new AbortController();
    active.add(controller);
    const late = new GroundwireError("TIMEOUT", `the request took longer than its limit of ${timeoutMs} ms`);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    // A response closes once it has been sent, or once its connection is lost.
    raw.once("close", () => {
      clearTimeout(timer);
      active.delete(controller);
      if (!raw.writableFinished) controller.abort(new GroundwireError("TIMEOUT", "the client has gone"));
    });
    return controller.signal;
  }

  app.decorateRequest("deadline");
  app.addHook("onRequest", (request, reply, done) => {
    request.deadline = watch(reply);
    done();
  });
  return { abortAll: (reason) => active.forEach((controller) => controller.abort(reason)) };
}
