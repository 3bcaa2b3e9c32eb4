import type { FastifyInstance } from "fastify";
import type { Services } from "../services.js";

/** Logs why workers die or cannot start. Most callers never learn of it: their requests are tried once more. */
export function logWorkers(
  { log }: Pick<FastifyInstance, "log">,
  { workers }: Pick<Services, "workers">,
): void {
  workers.onTrouble = ({ kind, wasReady, error, restartInMs }) => {
    const message = wasReady ? "a worker died" : "a worker could not start";
    log.error({ err: error, worker: kind, restartInMs }, message);
  };
}
