import Fastify from "fastify";
import { expect, test, vi } from "vitest";
import { loadBundle } from "../../src/bundle/bundle.js";
import { createMetrics } from "../../src/http/metrics.js";
import { logWorkers } from "../../src/http/workers.js";
import { createEncoder, type EncodePool } from "../../src/inference/encoder.js";
import { createWorkerWatch, type WorkerTrouble } from "../../src/inference/worker-watch.js";
import type { Services } from "../../src/services.js";
import { shippedBundle } from "../helpers/bundle.js";

interface Line {
  level: number;
  msg: string;
  worker: string;
  restartInMs?: number;
  err: { message: string; stack: string };
}

test("why a worker died, or cannot start, is one line of the log", async () => {
  const lines: Line[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Line) };
  const app = Fastify({ logger: { level: "error", stream } });
  const { watch, tell } = createWorkerWatch();
  logWorkers(app, { workers: watch });
  tell({ kind: "search", wasReady: true, error: new Error("out of memory"), restartInMs: 0 });
  tell({ kind: "visual", wasReady: false, error: new Error("visual.onnx is not there"), restartInMs: 200 });
  tell({ kind: "encode", wasReady: false, error: new Error("language.onnx is not there") });
  expect(lines.map(({ msg, worker, restartInMs, err }) => [msg, worker, restartInMs, err.message])).toEqual([
    ["a worker died", "search", 0, "out of memory"],
    ["a worker could not start", "visual", 200, "visual.onnx is not there"],
    ["a worker could not start", "encode", undefined, "language.onnx is not there"],
  ]);
  expect(lines[0]?.err.stack).toContain("workers.test");
  await app.close();
});

test("the metrics count the workers replaced of every pool", async () => {
  const metrics = createMetrics();
  const { watch, tell } = createWorkerWatch();
  const encoder = { stats: () => ({}) };
  const lexicon = { stats: () => ({ batches: 0, queries: 0 }) };
  metrics.follow({ encoder, lexicon, workers: watch } as unknown as Services);
  const died = { wasReady: true, error: new Error("it died") };
  for (const kind of ["search", "relate", "relate"] as const) tell({ kind, ...died, restartInMs: 0 });
  // Nobody takes the place of one that only some requests would have had.
  tell({ kind: "visual", ...died });
  const countOf = async (pool: string): Promise<number | undefined> =>
    (await metrics.registry.getSingleMetric(`groundwire_${pool}_restarts_total`)?.get())?.values[0]?.value;
  expect(await countOf("lexicon")).toBe(1);
  expect(await countOf("relations")).toBe(2);
  expect(await countOf("pictures")).toBe(0);
});

test("the worker for texts that come alone is told of where it cannot start", async () => {
  const bundle = { ...(await loadBundle(shippedBundle)), directory: "/nowhere" };
  const idle = { idle: 2, restarts: 0, grow: () => undefined, close: () => Promise.resolve() };
  const onTrouble = vi.fn<(trouble: WorkerTrouble) => void>();
  const encoder = await createEncoder(
    bundle,
    {
      ...{ workers: 2, threadsPerWorker: 1, maxBatchTokens: 4096, maxQueue: 10, timeoutMs: 60_000 },
      ...{ cacheEntries: 0, onTrouble },
    },
    Promise.resolve(idle as unknown as EncodePool),
  );
  encoder.grow();
  await encoder.close();
  const trouble = { kind: "encode", wasReady: false, error: expect.any(Error) as Error };
  expect(onTrouble.mock.calls).toEqual([[trouble]]);
});
