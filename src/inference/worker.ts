import { parentPort, workerData } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { rank } from "../lexicon/rank.js";
import type {
  EncodeReply,
  EncodeRequest,
  EncodeSettings,
  SearchReply,
  SearchRequest,
  SearchSettings,
  WorkerSettings,
} from "./protocol.js";

// The only importer of onnxruntime. Its calls are synchronous and native, so they live off the main thread.

/** `scores = queries . vectors` as a one-node ONNX graph: onnxruntime's product is many times a JavaScript loop's. */
const MATMUL =
  "CAg6ggEKIgoHcXVlcmllcwoHdmVjdG9ycxIGc2NvcmVzIgZNYXRNdWwSBnNjb3Jlc1obCgdxdWVyaWVzEhAKDggBEgoKAxIBQgoDEgFEWhsK" +
  "B3ZlY3RvcnMSEAoOCAESCgoDEgFECgMSAU5iGgoGc2NvcmVzEhAKDggBEgoKAxIBQgoDEgFOQgQKABAR";

const port = parentPort;
if (!port) throw new Error("src/inference/worker.ts runs in a worker thread");

const settings = workerData as WorkerSettings;
const handle =
  settings.kind === "encode" ? await createEncodeHandler(settings) : await createSearchHandler(settings);

port.on("message", (request: EncodeRequest & SearchRequest) => {
  handle(request).then(
    (reply) => port.postMessage({ reply }, transferables(reply)),
    (error: unknown) => port.postMessage({ error: String(error) }),
  );
});
port.postMessage({ ready: true });

async function createEncodeHandler({ model, threads, extra }: EncodeSettings) {
  const session = await InferenceSession.create(model, { ...sessionOptions(threads), extra });
  return async ({ ids, rows, length }: EncodeRequest): Promise<EncodeReply> => {
    const started = performance.now();
    const input = new BigInt64Array(ids.length);
    const mask = new BigInt64Array(ids.length);
    for (const [i, token] of ids.entries()) {
      // -1 marks padding: 0 is a token of its own.
      if (token < 0) continue;
      input[i] = BigInt(token);
      mask[i] = 1n;
    }
    const shape = [rows, length];
    const feeds = {
      input_ids: new Tensor("int64", input, shape),
      attention_mask: new Tensor("int64", mask, shape),
    };
    const { embedding } = await session.run(feeds, ["embedding"]);
    // Copied out of onnxruntime's memory, which cannot be transferred.
    const vectors = new Float32Array((embedding as Tensor).data as Float32Array);
    return { vectors, inferMs: performance.now() - started };
  };
}

async function createSearchHandler({ threads, entries, rows, scales }: SearchSettings) {
  const count = entries.length;
  const dimension = rows.length / count;
  const session = await InferenceSession.create(Buffer.from(MATMUL, "base64"), sessionOptions(threads));
  const vectors = new Tensor("float32", normalizedColumns(rows, scales, dimension), [dimension, count]);
  return async ({ queries }: SearchRequest): Promise<SearchReply> => {
    const flat = new Float32Array(queries.length * dimension);
    queries.forEach((query, i) => flat.set(query.vector, i * dimension));
    const output = await session.run({
      queries: new Tensor("float32", flat, [queries.length, dimension]),
      vectors,
    });
    const scores = (output.scores as Tensor).data as Float32Array;
    const results = queries.map((query, i) =>
      rank(scores.subarray(i * count, (i + 1) * count), query, entries),
    );
    return { results };
  };
}

/** The unit vectors as columns [D, N], the layout that the product reads in order. */
function normalizedColumns(rows: Int8Array, scales: Float32Array, dimension: number): Float32Array {
  const count = scales.length;
  const columns = new Float32Array(rows.length);
  for (let i = 0; i < count; i++) {
    let squares = 0;
    for (let d = 0; d < dimension; d++) squares += (rows[i * dimension + d] as number) ** 2;
    // A row's scale is the same for all of its cells, so it cancels.
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let d = 0; d < dimension; d++) columns[d * count + i] = (rows[i * dimension + d] as number) * factor;
  }
  return columns;
}

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  };
}

function transferables(reply: EncodeReply | SearchReply): ArrayBuffer[] {
  const arrays =
    "vectors" in reply
      ? [reply.vectors]
      : reply.results.flatMap(({ indices, similarities }) => [indices, similarities]);
  return arrays.map((array) => array.buffer as ArrayBuffer);
}
