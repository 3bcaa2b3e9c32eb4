import { join } from "node:path";
import {
  bundle,
  interleave,
  load,
  report,
  root,
  round,
  runJson,
  startGateway,
  startServer,
  threads,
} from "./harness.mjs";
import { ensureTransformers } from "./peers/setup.mjs";

/** V8 compiles what runs thousands of times, in the load's process too, which is new each time; services run for days. */
const TEXTS = Number(process.env.BENCH_TEXTS ?? 2000);

/** Milliseconds for one new text with one client, against the model's run alone. */
export default async function embedLatency() {
  const folder = ensureTransformers();
  const ours = await startGateway();
  const theirs = await startServer(process.execPath, [join(folder, "server.mjs"), bundle, String(threads)]);
  try {
    const drive = (url, kind) => load({ url, kind, connections: 1, amount: TEXTS });
    await drive(ours.url, "embed");
    await drive(theirs.url, "embedPlain");
    const results = await interleave({
      ours: () => drive(ours.url, "embed"),
      transformers: () => drive(theirs.url, "embedPlain"),
      raw: () => runJson(process.execPath, [join(root, "bench", "raw.mjs"), "latency", String(TEXTS)]),
    });
    const { p50, p99 } = results.ours;
    return report({
      name: "embed-latency",
      unit: "ms (p50)",
      better: "lower",
      ours: p50,
      peers: { "@huggingface/transformers": results.transformers.p50 },
      limit: results.raw.p50,
      p99: round(p99),
      p99ToP50: round(p99 / p50),
      // At most 1.0 ms + 1.15 x of the raw session's.
      allowed: round(1 + 1.15 * results.raw.p50),
      peerP99: round(results.transformers.p99),
      rawP99: round(results.raw.p99),
    });
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
  }
}
