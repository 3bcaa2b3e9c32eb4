// transformers.js behind Fastify, as its documentation shows it: one call of the model a request.
// Usage: node server.mjs BUNDLE THREADS; prints its URL on the first line.
import { Buffer } from "node:buffer";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoModel, AutoTokenizer, env } from "@huggingface/transformers";
import Fastify from "fastify";

const [bundle, threads] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));

/** The bundle's files under the names that transformers.js looks for. */
function layOut() {
  const folder = mkdtempSync(join(tmpdir(), "transformers-"));
  mkdirSync(join(folder, "model", "onnx"), { recursive: true });
  copyFileSync(join(bundle, "tokenizer.json"), join(folder, "model", "tokenizer.json"));
  copyFileSync(join(bundle, "language.onnx"), join(folder, "model", "onnx", "model.onnx"));
  const tokenizer = { tokenizer_class: "BertTokenizer", model_max_length: manifest.maxTokens };
  writeFileSync(join(folder, "model", "tokenizer_config.json"), JSON.stringify(tokenizer));
  writeFileSync(
    join(folder, "model", "config.json"),
    JSON.stringify({ model_type: "bert", architectures: ["BertModel"] }),
  );
  return folder;
}

env.allowRemoteModels = false;
env.localModelPath = layOut();
const tokenizer = await AutoTokenizer.from_pretrained("model");
const model = await AutoModel.from_pretrained("model", {
  dtype: "fp32",
  session_options: {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    // The bundle's own session setting: without it the int8 weights are unpacked on every run.
    extra: { session: { disable_quant_qdq: "1" } },
  },
});

const app = Fastify();
app.post("/embed", async ({ body }) => {
  const inputs = tokenizer(body.texts, { padding: true, truncation: true });
  const { embedding } = await model(inputs);
  const [rows, dimension] = embedding.dims;
  return Array.from({ length: rows }, (_, row) => {
    const vector = embedding.data.slice(row * dimension, (row + 1) * dimension);
    return { vector: Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64") };
  });
});
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
