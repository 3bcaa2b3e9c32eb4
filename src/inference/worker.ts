import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { goLast } from "../low-priority.js";
import type { Feed, Graph, GraphFile, GraphOptions } from "./graph.js";
import { createEncodeHandler } from "./handlers/encode.js";
import { createRelateHandler } from "./handlers/relate.js";
import { createSearchHandler } from "./handlers/search.js";
import { createVisualHandler } from "./handlers/visual.js";
import type { ExitRequest, WorkerSettings } from "./protocol.js";

// The only importer of onnxruntime. Its calls are synchronous and native, so they live off the main thread.

/**
 * By default onnxruntime's threads spin while they wait for each other: where the event loop, another graph or another
 * program needs a processor too, a batch on two threads then takes twice as long as on one (measured).
 */
const WITHOUT_SPINNING = { "intra_op.allow_spinning": "0" };
/** Microseconds: longer than a thread waits for its equal, far shorter than for one that lost its processor. */
const SPINNING = { "intra_op.spin_duration_us": "100", force_spinning_stop: "1" };

// The event loop answers from the cache, and refuses what is too much, while the model computes. Pictures are decoded on
// threads that would take a low priority's processor though another were free (measured).
const { kind } = workerData as WorkerSettings;
if (process.platform === "linux" && kind !== "visual") goLast();

const port = parentPort;
if (!port) throw new Error("src/inference/worker.ts runs in a worker thread");

// The pool of a kind sends that kind's requests only.
const handle = (await createHandler(workerData as WorkerSettings)) as (request: unknown) => Promise<object>;

let current = Promise.resolve();
port.on("message", (request: object) => {
  if ("exit" in request) void current.then(() => process.exit((request as ExitRequest).exit));
  // One at a time, though the next may be here already.
  else current = current.then(() => answer(request));
});
port.postMessage({ ready: true });

async function answer(request: object): Promise<void> {
  try {
    const reply = await handle(request);
    port?.postMessage({ reply }, transferables(reply));
  } catch (error) {
    port?.postMessage({ error: String(error) });
  }
}

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

async function openGraph(
  model: GraphFile | Uint8Array,
  { threads, extra = {}, spin = false }: GraphOptions,
): Promise<Graph> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    extra: {
      ...extra,
      session: { ...(extra.session as object | undefined), ...(spin ? SPINNING : WITHOUT_SPINNING) },
    },
  };
  const content = model instanceof Uint8Array ? model : await readUnaltered(model);
  const session = await InferenceSession.create(content, options);
  return {
    run: async (feeds, outputs) => {
      const tensors = Object.entries(feeds).map(([name, feed]) => [name, toTensor(feed)] as const);
      const results = await session.run(Object.fromEntries(tensors), [...outputs]);
      return Object.fromEntries(outputs.map((name) => [name, results[name]?.data as Float32Array]));
    },
  };
}

/** A worker may start long after its bundle was loaded, and vectors of different weights must never mix. */
async function readUnaltered({ path, sha256 }: GraphFile): Promise<Buffer> {
  const content = await readFile(path);
  if (createHash("sha256").update(content).digest("hex") === sha256) return content;
  throw new Error(`${path} was altered after its bundle had been loaded`);
}

function toTensor({ data, shape }: Feed): Tensor {
  if (data instanceof BigInt64Array) return new Tensor("int64", data, [...shape]);
  if (data instanceof Uint8Array) return new Tensor("uint8", data, [...shape]);
  return new Tensor("float32", data, [...shape]);
}

/** Buffers of the typed arrays anywhere in a reply: moved to the main thread, not copied. */
function transferables(value: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(transferables);
}
