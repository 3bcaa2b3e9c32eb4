import { join } from "node:path";
import {
  bundle,
  interleave,
  load,
  report,
  root,
  rounds,
  runJson,
  startGateway,
  startServer,
  threads,
} from "./harness.mjs";
import { ensureTransformers } from "./peers/setup.mjs";

const CONNECTIONS = 64;
/** The load's process is new each time and compiles for its first second. */
const SECONDS = 6;
/** Where others share the machine, its speed changes by a fifth within a minute: contenders must meet that equally often. */
const ROUNDS = 3 * rounds;

/** Texts a second through the gateway: 64 clients, one text each that no cache has seen. */
export default async function embedThroughput() {
  const folder = ensureTransformers();
  const ours = await startGateway();
  const theirs = await startServer(process.execPath, [join(folder, "server.mjs"), bundle, String(threads)]);
  try {
    const drive = (url, kind) => load({ url, kind, connections: CONNECTIONS, seconds: SECONDS });
    // Warm: the first batches of any length make onnxruntime plan its memory.
    await drive(ours.url, "embed");
    const raw = [join(root, "bench", "raw.mjs"), "throughput", String(SECONDS)];
    const contenders = {
      ours: () => drive(ours.url, "embed"),
      transformers: () => drive(theirs.url, "embedPlain"),
      raw: () => runJson(process.execPath, raw),
    };
    const results = await interleave(contenders, ROUNDS);
    return report({
      name: "embed-throughput",
      unit: "texts/s",
      ours: results.ours.rate,
      peers: { "@huggingface/transformers": results.transformers.rate },
      limit: results.raw.rate,
      p99Ms: results.ours.p99,
      failed: results.ours.failed,
    });
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
  }
}
