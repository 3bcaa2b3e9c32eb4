import { afterAll, beforeAll, expect, test } from "vitest";
import { loadBundle, type Bundle } from "../../src/bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../../src/errors.js";
import {
  createEncoder,
  type Encoded,
  type Encoder,
  type EncoderOptions,
} from "../../src/inference/encoder.js";
import { cosine } from "../../src/vectors.js";
import { copyBundle, shippedBundle } from "../helpers/bundle.js";
import { createRandom, shuffle } from "../helpers/random.js";

const options: EncoderOptions = {
  workers: 1,
  threadsPerWorker: 2,
  maxBatchTokens: 4096,
  maxQueue: 8192,
  timeoutMs: 100_000,
  cacheEntries: 0,
};
let bundle: Bundle;
let encoder: Encoder;
beforeAll(async () => {
  bundle = await loadBundle(shippedBundle);
  encoder = await createEncoder(bundle, options);
});
afterAll(() => encoder.close());

function vectorOf(result: Encoded | GroundwireError | undefined): Float32Array {
  if (!result || isGroundwireError(result)) throw result ?? new Error("no result");
  return result.vector;
}

function codesOf(results: readonly (Encoded | GroundwireError)[]): string[] {
  return results.map((result) => (isGroundwireError(result) ? result.code : "ok"));
}

async function withEncoder<T>(
  changes: Partial<EncoderOptions>,
  use: (encoder: Encoder) => Promise<T>,
): Promise<T> {
  const own = await createEncoder(bundle, { ...options, ...changes });
  try {
    return await use(own);
  } finally {
    await own.close();
  }
}

test("every golden text's vector has a cosine of at least 0.999 to PyTorch's", async () => {
  const { items } = bundle.golden;
  const results = await encoder.encode(items.map(({ text }) => text));
  for (const [i, { text, vector }] of items.entries()) {
    expect(cosine(vectorOf(results[i]), Float32Array.from(vector)), text).toBeGreaterThanOrEqual(0.999);
  }
});

test("the vectors of 1,000 texts do not depend on the batches they travel in", async () => {
  const random = createRandom(7);
  const phrase = (): string =>
    Array.from({ length: 1 + random(6) }, () => bundle.lexicon.entries[random(20_000)]).join(" ");
  const texts = [...new Set(Array.from({ length: 1100 }, phrase))].slice(0, 1000);
  expect(texts).toHaveLength(1000);
  const [first, second] = [await encodeInBatches(texts, random), await encodeInBatches(texts, random)];
  const cosines = texts.map((text) => cosine(vectorOf(first.get(text)), vectorOf(second.get(text))));
  for (const text of texts.slice(0, 50)) {
    const [alone] = await encoder.encode([text]);
    cosines.push(cosine(vectorOf(alone), vectorOf(first.get(text))));
  }
  expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.999999);
});

/** Shuffled, and cut into batches of random sizes. */
async function encodeInBatches(texts: string[], random: (limit: number) => number) {
  const vectors = new Map<string, Encoded | GroundwireError>();
  const shuffled = shuffle(texts, random);
  while (shuffled.length > 0) {
    const batch = shuffled.splice(0, 1 + random(120));
    const results = await encoder.encode(batch);
    results.forEach((result, i) => vectors.set(batch[i] as string, result));
  }
  return vectors;
}

test("a bad text is an error in its own place, named, and its neighbors are served", async () => {
  const results = await encoder.encode(["zebra", "", "a\uD800", "x".repeat(100_000), "\u0001", "😀", "สวัสดี"]);
  const expected = ["ok", "BAD_USER_INPUT", "BAD_USER_INPUT", "TEXT_TOO_LONG", "BAD_USER_INPUT", "ok", "ok"];
  expect(codesOf(results)).toEqual(expected);
  expect((results[2] as GroundwireError).message).toMatch(/^texts\[2\] must be well-formed Unicode/);
});

test("equal texts in flight share one row of the model", async () => {
  const before = encoder.stats();
  const calls = await Promise.all([
    encoder.encode(["quagga", "Quagga", "okapi"]),
    encoder.encode(["quagga", " okapi"]),
  ]);
  const after = encoder.stats();
  expect(after.texts - before.texts).toBe(2);
  expect(after.shared - before.shared).toBe(3);
  expect(vectorOf(calls[1][0])).toEqual(vectorOf(calls[0][0]));
});

test("a text seen before comes from the cache, and the cache stays within its bound", () =>
  withEncoder({ cacheEntries: 2 }, async (own) => {
    await own.encode(["one"]);
    await own.encode(["two", "three"]);
    await own.encode(["two", "THREE "]);
    expect(own.stats()).toMatchObject({ texts: 3, cacheHits: 2 });
    const [two] = await own.encode(["two"]);
    expect(own.recall(" Two")).toBe(two);
    expect(own.recall("one")).toBeUndefined();
    expect(own.stats()).toMatchObject({ texts: 3, cacheHits: 4 });
    await own.encode(["one"]);
    expect(own.stats().texts).toBe(4);
  }));

test("texts whose caller has gone never reach the model, and are computed when they are asked for again", () =>
  withEncoder({}, async (own) => {
    // The worker is busy with these while the others wait.
    const busy = own.encode(Array.from({ length: 30 }, (_, i) => `${"some text ".repeat(9)}${i}`));
    await expect.poll(() => own.stats().batches, { interval: 1 }).toBe(1);
    const client = new AbortController();
    const left = own.encode(["left behind", "also left"], { signal: client.signal });
    client.abort(new GroundwireError("TIMEOUT", "the client has gone"));
    expect(codesOf(await left)).toEqual(["TIMEOUT", "TIMEOUT"]);
    await busy;
    expect(own.stats().texts).toBe(30);
    expect(codesOf(await own.encode(["left behind"]))).toEqual(["ok"]);
  }));

test("a deadline ends each unanswered text with its error, not the finished ones", () =>
  withEncoder({ maxBatchTokens: 128, cacheEntries: 100 }, async (own) => {
    await own.encode(["zebra"]);
    const late = new AbortController();
    const slow = Array.from({ length: 40 }, (_, i) => `${"slow text ".repeat(60)}${i}`);
    const pending = own.encode(["zebra", ...slow], { signal: late.signal });
    late.abort(new GroundwireError("TIMEOUT", "the request took longer than its limit of 1 ms"));
    const codes = codesOf(await pending);
    expect(codes[0]).toBe("ok");
    expect(new Set(codes.slice(1))).toEqual(new Set(["TIMEOUT"]));
  }));

test("one caller that leaves does not take the text from another that waits for it", () =>
  withEncoder({}, async (own) => {
    const client = new AbortController();
    const left = own.encode(["shared text"], { signal: client.signal });
    const stays = own.encode(["shared text"]);
    client.abort();
    expect(codesOf(await left)).toEqual(["TIMEOUT"]);
    expect(codesOf(await stays)).toEqual(["ok"]);
  }));

test("more texts than may wait are refused one by one with OVERLOADED", () =>
  withEncoder({ maxQueue: 3 }, async (own) => {
    const codes = codesOf(await own.encode(["one", "two", "three", "four", "five"]));
    expect(codes).toEqual(["ok", "ok", "ok", "OVERLOADED", "OVERLOADED"]);
  }));

test("when a worker dies among its batches, another answers the texts that are left", () =>
  withEncoder({ maxBatchTokens: 256 }, async (own) => {
    const pending = own.encode(Array.from({ length: 40 }, (_, i) => `${"a longer text ".repeat(8)}${i}`));
    await own.killWorker();
    expect(new Set(codesOf(await pending))).toEqual(new Set(["ok"]));
    expect(own.stats()).toMatchObject({ restarts: 1, texts: 40 });
  }));

test("closing answers the batch under way and refuses what waits", async () => {
  const own = await createEncoder(bundle, { ...options, maxBatchTokens: 256 });
  const pending = own.encode(Array.from({ length: 20 }, (_, i) => `${"text ".repeat(60)}${i}`));
  await expect.poll(() => own.stats().texts).toBeGreaterThan(0);
  await own.close();
  const codes = codesOf(await pending);
  expect(codes.filter((code) => code === "ok").length).toBeGreaterThan(0);
  expect(codes.filter((code) => code === "OVERLOADED").length).toBeGreaterThan(0);
});

test("a model file that was changed since its bundle was loaded is not run", async () => {
  const copy = copyBundle();
  const own = await loadBundle(copy.directory);
  copy.write("language.onnx", copy.read("language.onnx").fill(0, 5000, 5004));
  await expect(createEncoder(own, options)).rejects.toThrow(/^language.onnx: .*was altered/);
});

test("a text alone goes to a worker with all threads, and gets the vector that any batch would give it", () =>
  withEncoder({ workers: 2, threadsPerWorker: 1 }, async (own) => {
    const [inBatch] = await own.encode(["a striped horse", "an old stone bridge over a river"]);
    expect(own.stats().solo).toBe(0);
    own.grow();
    const ask = async () => vectorOf((await own.encode(["a striped horse"]))[0]);
    await expect.poll(async () => (await ask()) && own.stats().solo, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(cosine(await ask(), vectorOf(inBatch))).toBeGreaterThanOrEqual(0.999999);
  }));

test("what a call spent is told", async () => {
  const timings = { tokenizeMs: 0, queueMs: 0, inferMs: 0 };
  await encoder.encode(["a text that nobody has asked for"], { timings });
  expect(timings.tokenizeMs).toBeGreaterThan(0);
  expect(timings.inferMs).toBeGreaterThan(0);
});
