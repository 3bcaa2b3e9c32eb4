import type { FastifyInstance } from "fastify";
import type { Metrics } from "./metrics.js";

/** `/livez` says that the process runs, `/readyz` that it answers; `/metrics` is for Prometheus. */
export function registerHealth(app: FastifyInstance, metrics: Metrics, isReady: () => boolean): void {
  app.get("/livez", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    if (isReady()) return { status: "ready" };
    return reply.code(503).send({ status: "draining" });
  });
  app.get("/metrics", async (_request, reply) => {
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
