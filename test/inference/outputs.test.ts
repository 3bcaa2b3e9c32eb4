import { afterAll, beforeAll, expect, test } from "vitest";
import { loadBundle, type Bundle } from "../../src/bundle/bundle.js";
import { isGroundwireError, type GroundwireError } from "../../src/errors.js";
import { createEncoder, type Encoded, type Encoder } from "../../src/inference/encoder.js";
import { cosine } from "../../src/vectors.js";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";

const TEXTS = ["a dog", "a man rides a horse on the beach at night", "zebra"];
const options = {
  workers: 1,
  threadsPerWorker: 1,
  maxBatchTokens: 4096,
  maxQueue: 1000,
  timeoutMs: 20_000,
  cacheEntries: 100,
};
let files: PictureBundle;
let bundle: Bundle;
let encoder: Encoder;

beforeAll(async () => {
  files = await createPictureBundle();
  bundle = await loadBundle(files.directory);
  encoder = await createEncoder(bundle, options);
});

afterAll(async () => {
  await encoder.close();
  await files.remove();
});

function good(results: (Encoded | GroundwireError)[]): Encoded[] {
  return results.map((result) => {
    if (isGroundwireError(result)) throw result;
    return result;
  });
}

test("tokens are one vector a token, without the padding of the batch", async () => {
  const matrices = good(await encoder.encode(TEXTS, { output: "tokens" }));
  matrices.forEach(({ vector, tokenCount }) => expect(vector.length).toBe(tokenCount * encoder.dimension));
  const [alone] = good(await encoder.encode(["a dog"], { output: "tokens" }));
  expect(cosine(alone?.vector as Float32Array, matrices[0]?.vector as Float32Array)).toBeGreaterThan(
    0.999999,
  );
});

test("the retrieval vector is retrieval.onnx of the language model's tokens", async () => {
  const tokens = good(await encoder.encode(TEXTS, { output: "tokens" }));
  const retrieval = good(await encoder.encode(TEXTS, { output: "retrieval" }));
  const { dimension } = encoder;
  tokens.forEach(({ vector, tokenCount }, i) => {
    // The fixture's graph is the masked mean of the tokens.
    const mean = new Float32Array(dimension);
    vector.forEach(
      (value, at) => (mean[at % dimension] = (mean[at % dimension] as number) + value / tokenCount),
    );
    expect(cosine(mean, retrieval[i]?.vector as Float32Array)).toBeGreaterThan(0.999999);
  });
});

test("the cache keeps the outputs of one text apart", async () => {
  const text = "a text that is asked for twice";
  const [tokens] = good(await encoder.encode([text], { output: "tokens" }));
  const [embedding] = good(await encoder.encode([text]));
  const [again] = good(await encoder.encode([text], { output: "retrieval" }));
  expect(tokens?.vector.length).toBeGreaterThan(encoder.dimension);
  expect(embedding?.vector.length).toBe(encoder.dimension);
  expect(again).not.toBe(embedding);
});

test("outputs asked for at the same time are batched apart and answered rightly", async () => {
  const before = encoder.stats().batches;
  const [embeddings, tokens] = await Promise.all([
    encoder.encode(["one new text", "two new texts"]),
    encoder.encode(["one new text", "two new texts"], { output: "tokens" }),
  ]);
  good(embeddings).forEach(({ vector }) => expect(vector.length).toBe(encoder.dimension));
  good(tokens).forEach(({ vector, tokenCount }) =>
    expect(vector.length).toBe(tokenCount * encoder.dimension),
  );
  expect(encoder.stats().batches - before).toBeGreaterThanOrEqual(2);
});

test("with a bundle that has seen no photos, the retrieval vector is an error in each text's place", async () => {
  const { "retrieval.onnx": _, ...rest } = bundle.manifest.files;
  const blind = await createEncoder({ ...bundle, manifest: { ...bundle.manifest, files: rest } }, options);
  const results = await blind.encode(["a dog", "a cat"], { output: "retrieval" });
  for (const result of results) {
    expect(result).toMatchObject({ code: "BAD_USER_INPUT" });
    expect((result as GroundwireError).message).toContain("needs a bundle with retrieval.onnx");
  }
  await blind.close();
});
