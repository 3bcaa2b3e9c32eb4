import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../sdk/src/index.js";
import type { GroundwireServer } from "../../src/server.js";
import { cosine } from "../../src/vectors.js";
import { graphql, startGateway } from "../helpers/gateway.js";

const KEY = "openai-client-key-0123456789";
const TEXTS = ["zebra", "a small red bicycle", "naïve café 東京 🚲"];

let server: GroundwireServer;
let client: OpenAI;
let model: string;

beforeAll(async () => {
  server = await startGateway({ API_KEYS: `read:${KEY}`, MAX_TEXTS: "8" });
  const url = await server.start();
  client = new OpenAI({ apiKey: KEY, baseURL: url.replace("/graphql", "/v1"), maxRetries: 0 });
  model = server.services.bundle.manifest.name;
});
afterAll(() => server.stop());

async function graphqlVectors(): Promise<Float32Array[]> {
  const headers = { authorization: `Bearer ${KEY}` };
  const query = "query ($texts: [String!]!) { embed(texts: $texts) { vector } }";
  const { data } = await graphql(server, query, { variables: { texts: TEXTS }, headers });
  return (data?.embed as { vector: string }[]).map(({ vector }) => {
    const bytes = Buffer.from(vector, "base64");
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  });
}

test("the official client's default, base64, gets the vectors of GraphQL bit for bit", async () => {
  const { data, usage, object } = await client.embeddings.create({ model, input: TEXTS });
  const expected = await graphqlVectors();
  expect(object).toBe("list");
  expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
  data.forEach(({ embedding }, i) => expect(Float32Array.from(embedding)).toEqual(expected[i]));
  expect(usage.total_tokens).toBe(usage.prompt_tokens);
  expect(usage.prompt_tokens).toBeGreaterThanOrEqual(3 * TEXTS.length);
});

test("it gets the vectors that the SDK gets", async () => {
  const { data } = await client.embeddings.create({ model, input: TEXTS });
  const sdk = createClient({ url: client.baseURL.replace("/v1", "/graphql"), apiKey: KEY });
  const vectors = await Promise.all(TEXTS.map((text) => sdk.embed(text)));
  data.forEach(({ embedding }, i) => expect(Float32Array.from(embedding)).toEqual(vectors[i]?.vector));
});

test("encoding_format float gets the same vectors as JSON numbers", async () => {
  const { data } = await client.embeddings.create({ model, input: TEXTS, encoding_format: "float" });
  const expected = await graphqlVectors();
  data.forEach(({ embedding }, i) => {
    expect(cosine(Float32Array.from(embedding), expected[i] as Float32Array)).toBeCloseTo(1, 6);
    expect(Float32Array.from(embedding)).toEqual(expected[i]);
  });
});

test("a single string is a list of one", async () => {
  const { data } = await client.embeddings.create({ model, input: "zebra" });
  expect(data).toHaveLength(1);
  expect(data[0]?.embedding).toHaveLength(server.services.encoder.dimension);
});

test("the model is listed by name", async () => {
  const { data } = await client.models.list();
  expect(data.map(({ id }) => id)).toEqual([model]);
});

test.each([
  ["another model", { model: "text-embedding-3-small", input: "a" }, "BAD_USER_INPUT", /model must be/],
  ["other dimensions", { input: "a", dimensions: 7 }, "BAD_USER_INPUT", /dimensions must be/],
  ["an empty list", { input: [] }, "BAD_USER_INPUT", /non-empty list/],
  ["token ids", { input: [1, 2, 3] as unknown as string[] }, "BAD_USER_INPUT", /list of strings/],
  ["an empty text among others", { input: ["zebra", " "] }, "BAD_USER_INPUT", /input\[1\] must not be empty/],
  [
    "too many texts",
    { input: Array.from({ length: 9 }, () => "a") },
    "TOO_MANY_INPUTS",
    /at most 8 items, has 9/,
  ],
  [
    "a text beyond maxTokens",
    { input: ["word ".repeat(2000)] },
    "TEXT_TOO_LONG",
    /input\[0\] must have at most \d+ tokens, has 2002/,
  ],
])("%s is refused with a message that names the rule", async (_name, request, code, message) => {
  const error = await client.embeddings.create({ model, ...request }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OpenAI.BadRequestError);
  expect(error).toMatchObject({ status: 400, code });
  expect((error as Error).message).toMatch(message);
});

test("a wrong key is the client's authentication error", async () => {
  const stranger = new OpenAI({ apiKey: "x".repeat(20), baseURL: client.baseURL, maxRetries: 0 });
  const error = await stranger.embeddings.create({ model, input: "a" }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
});
