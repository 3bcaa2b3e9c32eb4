// The visual session alone, in a process of its own, on pixels that are decoded already: what the hardware gives.
// `node bench/raw-visual.mjs THREADS SECONDS`; JSON on the last line.
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { bundle } from "./harness.mjs";

const SIDE = 224;
const BATCHES = [1, 4, 8, 16];
const [threads, seconds] = process.argv.slice(2).map(Number);
const session = await InferenceSession.create(join(process.env.GROUNDWIRE_MODEL ?? bundle, "visual.onnx"), {
  executionProviders: ["cpu"],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: "all",
  extra: { session: { disable_quant_qdq: "1" } },
});
const rates = {};
for (const size of BATCHES) {
  const shape = [size, 3, SIDE, SIDE];
  const pixels = Float32Array.from({ length: size * 3 * SIDE * SIDE }, (_, i) => Math.sin(i));
  const see = () => session.run({ image: new Tensor("float32", pixels, shape) }, ["embedding"]);
  await see();
  let done = 0;
  const started = performance.now();
  while (performance.now() - started < (seconds * 1000) / BATCHES.length) {
    await see();
    done += size;
  }
  rates[size] = done / ((performance.now() - started) / 1000);
}
console.log(JSON.stringify({ rate: Math.max(...Object.values(rates)), rates }));
// onnxruntime aborts where Node tears it down at a natural end.
process.exit(0);
