import { cosineSimilarity, embed, embedMany } from "ai";
import { expect, test } from "vitest";
import { createEmbeddingModel } from "../src/ai.js";
import { isAbortedError, isBadUserInputError } from "../src/index.js";
import { connect, observe } from "./helpers/clients.js";

test("an AI SDK program finds the value that is meant", async () => {
  const model = createEmbeddingModel({ client: connect() });
  const values = ["a dog on the grass", "the national budget", "zebras at the river"];
  const { embeddings, usage } = await embedMany({ model, values });
  const { embedding } = await embed({ model, value: "striped animals by the water" });
  const similarities = embeddings.map((candidate) => cosineSimilarity(embedding, candidate));
  expect(similarities.indexOf(Math.max(...similarities))).toBe(2);
  expect(usage.tokens).toBeGreaterThan(values.length * 2);
});

test("embedMany sends any number of values within the gateway's limits", async () => {
  const { client, requests } = observe();
  const { limits } = await client.model();
  const values = Array.from({ length: limits.maxTexts + 100 }, (_, i) => `${i % 20} dogs`);
  const { embeddings } = await embedMany({ model: createEmbeddingModel({ client }), values });
  expect(embeddings).toHaveLength(values.length);
  expect(embeddings[0]).toEqual(embeddings[20]);
  expect(requests.length - 1).toBe(2);
});

test("an aborted embedMany rejects with the client's error", async () => {
  const model = createEmbeddingModel({ client: connect() });
  const call = embedMany({ model, values: ["dog"], abortSignal: AbortSignal.abort(), maxRetries: 0 });
  await expect(call).rejects.toSatisfy(isAbortedError);
});

test("a value that cannot be embedded is an error", async () => {
  const model = createEmbeddingModel({ client: connect() });
  await expect(embed({ model, value: "" })).rejects.toSatisfy(isBadUserInputError);
});

test("headers that cannot be sent are warned of", async () => {
  const model = createEmbeddingModel({ client: connect() });
  const plain = await embed({ model, value: "dog" });
  const given = await embed({ model, value: "dog", headers: { "x-team": "birds" } });
  expect(plain.warnings).toEqual([]);
  expect(given.warnings).toEqual([expect.objectContaining({ feature: "headers" })]);
});
