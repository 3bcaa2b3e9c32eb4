import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Encoded } from "../../src/inference/encoder.js";
import { cosine, normalize } from "../../src/vectors.js";
import { startRelationServer, type RelationServer } from "../helpers/relation-server.js";

vi.setConfig({ hookTimeout: 180_000 });

let server: RelationServer;

beforeAll(async () => {
  server = await startRelationServer();
});

afterAll(() => server.stop());

function vectorOf(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer);
}

async function encode(text: string): Promise<Float32Array> {
  const [encoded] = await server.services.encoder.encode([text]);
  return normalize((encoded as Encoded).vector);
}

test("a negative term is subtracted, whether the others are encoded as a phrase or summed", async () => {
  const terms = `[{ text: "wild" }, { text: "brown", weight: -0.5 }, { text: "horse" }]`;
  const { data, errors } = await server.ask(
    `{ encode: compose(terms: ${terms}) { text vector neighbors { text } }
       sum: compose(terms: ${terms}, method: SUM) { text vector } }`,
  );
  expect(errors).toBeUndefined();
  const { encode: encoded, sum } = data as Record<string, { text: string | null; vector: string }>;
  expect([encoded?.text, sum?.text]).toEqual(["wild horse", null]);
  const [wild, brown, horse, phrase] = (await Promise.all(
    ["wild", "brown", "horse", "wild horse"].map(encode),
  )) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const minus = (value: number, i: number): number => value - 0.5 * (brown[i] as number);
  expect(cosine(vectorOf(encoded?.vector ?? ""), phrase.map(minus))).toBeGreaterThan(0.99999);
  const added = wild.map((value, i) => minus(value + (horse[i] as number), i));
  expect(cosine(vectorOf(sum?.vector ?? ""), added)).toBeGreaterThan(0.99999);
});

test("a composition tells where a text was too long for the model", async () => {
  const long = "horse ".repeat(200);
  const { data, errors } = await server.ask(
    `{ encode: compose(terms: [{ text: "${long}" }]) { truncated }
       sum: compose(terms: [{ text: "brown" }, { text: "${long}" }], method: SUM) { truncated }
       minus: compose(terms: [{ text: "brown" }, { text: "${long}", weight: -1 }]) { truncated }
       short: compose(terms: [{ text: "brown" }, { text: "horse" }], method: SUM) { truncated } }`,
  );
  expect(errors).toBeUndefined();
  const yes = { truncated: true };
  expect(data).toEqual({ encode: yes, sum: yes, minus: yes, short: { truncated: false } });
});

test("subtracted terms are no neighbors of what is left, and terms that are only subtracted are refused", async () => {
  const { data, errors } = await server.ask(
    `{ a: compose(terms: [{ text: "horse" }, { text: "brown", weight: -1 }], first: 50) { neighbors { text } }
       b: compose(terms: [{ text: "brown", weight: -1 }]) { text } }`,
  );
  const texts = (data?.a as { neighbors: { text: string }[] }).neighbors.map(({ text }) => text);
  expect(texts).toHaveLength(50);
  expect(texts).not.toContain("horse");
  expect(texts).not.toContain("brown");
  expect(errors?.map(({ message, path }) => [message, path?.[0]])).toEqual([
    ["terms must have one of weight 1 to subtract from, have none", "b"],
  ]);
});
