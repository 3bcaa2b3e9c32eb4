// onnxruntime alone, in a process of its own: what the hardware gives when nothing stands around the model.
// `node bench/raw.mjs throughput 3` or `node bench/raw.mjs latency 200`; JSON on the last line.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { bundle, quantile, threads } from "./harness.mjs";
import { createTexts } from "./texts.mjs";

const [mode, amount] = process.argv.slice(2);
const created = performance.now();
const session = await InferenceSession.create(join(bundle, "language.onnx"), {
  executionProviders: ["cpu"],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: "all",
  extra: { session: { disable_quant_qdq: "1" } },
});
const creationSeconds = (performance.now() - created) / 1000;
const tokenizer = new Tokenizer(JSON.parse(readFileSync(join(bundle, "tokenizer.json"), "utf8")), {});
const text = createTexts(process.pid);
const tokens = (count) => Array.from({ length: count }, () => tokenizer.encode(text()).ids);

async function run(rows) {
  const length = Math.max(...rows.map((ids) => ids.length));
  const input = new BigInt64Array(rows.length * length);
  const mask = new BigInt64Array(rows.length * length);
  rows.forEach((ids, row) =>
    ids.forEach((id, i) => {
      input[row * length + i] = BigInt(id);
      mask[row * length + i] = 1n;
    }),
  );
  const shape = [rows.length, length];
  const feeds = {
    input_ids: new Tensor("int64", input, shape),
    attention_mask: new Tensor("int64", mask, shape),
  };
  return session.run(feeds, ["embedding"]);
}

/** Texts a second at the best of several batch sizes; texts are sorted by length, so that little is padding. */
async function throughput(seconds) {
  const rates = {};
  for (const size of [8, 16, 32, 64]) {
    const pool = tokens(1024).sort((a, b) => a.length - b.length);
    const batches = Array.from({ length: pool.length / size }, (_, i) =>
      pool.slice(i * size, (i + 1) * size),
    );
    await run(batches[0]);
    const started = performance.now();
    let done = 0;
    let next = 0;
    while (performance.now() - started < (seconds * 1000) / 4) {
      // A stride that meets short and long batches alike.
      await run(batches[next]);
      next = (next + 7) % batches.length;
      done += size;
    }
    rates[size] = done / ((performance.now() - started) / 1000);
  }
  return { rate: Math.max(...Object.values(rates)), rates };
}

async function latency(count) {
  const times = [];
  for (const ids of tokens(count + 20)) {
    const started = performance.now();
    await run([ids]);
    times.push(performance.now() - started);
  }
  const measured = times.slice(20);
  return { p50: quantile(measured, 0.5), p99: quantile(measured, 0.99) };
}

const result =
  mode === "throughput"
    ? await throughput(Number(amount))
    : mode === "latency"
      ? await latency(Number(amount))
      : {};
console.log(JSON.stringify({ ...result, creationSeconds }));
// onnxruntime aborts where Node tears it down at a natural end.
process.exit(0);
