import { parentPort, workerData } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Feed, Graph, GraphOptions } from "./graph.js";
import { createEncodeHandler } from "./handlers/encode.js";
import { createRelateHandler } from "./handlers/relate.js";
import { createSearchHandler } from "./handlers/search.js";
import { createVisualHandler } from "./handlers/visual.js";
import type { WorkerSettings } from "./protocol.js";

// The only importer of onnxruntime. Its calls are synchronous and native, so they live off the main thread.

const port = parentPort;
if (!port) throw new Error("src/inference/worker.ts runs in a worker thread");

// The pool of a kind sends that kind's requests only.
const handle = (await createHandler(workerData as WorkerSettings)) as (request: unknown) => Promise<object>;

port.on("message", (request) => {
  handle(request).then(
    (reply) => port.postMessage({ reply }, transferables(reply)),
    (error: unknown) => port.postMessage({ error: String(error) }),
  );
});
port.postMessage({ ready: true });

function createHandler(settings: WorkerSettings) {
  switch (settings.kind) {
    case "encode":
      return createEncodeHandler(settings, openGraph);
    case "search":
      return createSearchHandler(settings, openGraph);
    case "visual":
      return createVisualHandler(settings, openGraph);
    case "relate":
      return createRelateHandler(settings, openGraph);
    default:
      return settings satisfies never;
  }
}

async function openGraph(model: string | Uint8Array, { threads, extra = {} }: GraphOptions): Promise<Graph> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    extra,
  };
  const session =
    typeof model === "string"
      ? await InferenceSession.create(model, options)
      : await InferenceSession.create(model, options);
  return {
    run: async (feeds, outputs) => {
      const tensors = Object.entries(feeds).map(([name, feed]) => [name, toTensor(feed)] as const);
      const results = await session.run(Object.fromEntries(tensors), [...outputs]);
      return Object.fromEntries(outputs.map((name) => [name, results[name]?.data as Float32Array]));
    },
  };
}

function toTensor({ data, shape }: Feed): Tensor {
  return data instanceof BigInt64Array
    ? new Tensor("int64", data, [...shape])
    : new Tensor("float32", data, [...shape]);
}

/** Buffers of the typed arrays anywhere in a reply: moved to the main thread, not copied. */
function transferables(value: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(transferables);
}
