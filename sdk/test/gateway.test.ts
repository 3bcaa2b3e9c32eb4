import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isBadUserInputError, isDimensionMismatchError, isTextTooLongError, unwrap } from "../src/index.js";
import { connect, cosine } from "./helpers/clients.js";

const models = new URL("../../models/", import.meta.url);
const bundle = new URL(`${readFileSync(new URL("default", models), "utf8").trim()}/`, models);
const client = connect();

test("the model tells its dimension, its limits and how far to trust its read-outs", async () => {
  const manifest = JSON.parse(readFileSync(new URL("manifest.json", bundle), "utf8")) as Record<
    string,
    unknown
  >;
  const { name, dimension, fingerprint, limits, lexiconSize } = await client.model();
  expect({ name, dimension, fingerprint }).toEqual({
    name: manifest.name,
    dimension: manifest.dimension,
    fingerprint: manifest.fingerprint,
  });
  expect(limits.maxTexts).toBeGreaterThan(0);
  expect(lexiconSize).toBeGreaterThanOrEqual(30_000);
});

test("vectors equal PyTorch's on the golden texts", async () => {
  const { items } = JSON.parse(readFileSync(new URL("golden.json", bundle), "utf8")) as {
    items: { text: string; vector: number[]; tokenCount: number; truncated: boolean }[];
  };
  const embeddings = unwrap(
    await client.embed(
      items.map(({ text }) => text),
      { normalize: false },
    ),
  );
  embeddings.forEach((embedding, i) => {
    const golden = items[i] as (typeof items)[number];
    expect(embedding.vector).toBeInstanceOf(Float32Array);
    expect(cosine(embedding.vector, golden.vector)).toBeGreaterThanOrEqual(0.999);
    expect(embedding).toMatchObject({
      text: golden.text,
      tokenCount: golden.tokenCount,
      truncated: golden.truncated,
    });
  });
});

test("vectors have length 1 unless the raw ones are asked for", async () => {
  const [unit, raw] = await Promise.all([client.embed("zebra"), client.embed("zebra", { normalize: false })]);
  expect(Math.hypot(...unit.vector)).toBeCloseTo(1, 5);
  expect(Math.hypot(...raw.vector)).toBeCloseTo(raw.norm, 3);
  expect(cosine(unit.vector, raw.vector)).toBeCloseTo(1, 6);
});

test("a bad text in a list is an error at its place, and its neighbors are served", async () => {
  const [striped, zebra, empty, long] = await client.embed([
    "striped horse",
    "zebra",
    "",
    "x".repeat(100_000),
  ]);
  expect(striped).toMatchObject({ text: "striped horse" });
  expect(zebra).toMatchObject({ text: "zebra" });
  expect(isBadUserInputError(empty) && empty.path).toEqual(["embed", 2]);
  expect(isTextTooLongError(long) && long.message).toContain("texts[3]");
});

test("a bad text alone rejects", async () => {
  await expect(client.embed("")).rejects.toSatisfy(isBadUserInputError);
  await expect(client.concept("")).rejects.toSatisfy(isBadUserInputError);
});

test("an empty list is answered with an empty list", async () => {
  expect(await client.embed([])).toEqual([]);
});

test("emoji and Thai are served as they are, and a lone surrogate is refused at its place", async () => {
  const [zebra, thai, surrogate] = await client.embed(["🦓", "ม้าลาย", "\ud800"]);
  expect(zebra).toMatchObject({ text: "🦓" });
  expect(thai).toMatchObject({ text: "ม้าลาย" });
  expect(isBadUserInputError(surrogate)).toBe(true);
});

test("a concept brings only what was asked for", async () => {
  const plain = await client.concept("zebra");
  expect(plain).toMatchObject({ text: "zebra", inLexicon: true, truncated: false });
  expect(Object.keys(plain)).not.toEqual(expect.arrayContaining(["vector"]));
  const full = await client.concept("zebra", { vector: true, neighbors: 3, axes: 2, similarityTo: "horse" });
  expect(full.vector).toBeInstanceOf(Float32Array);
  expect(full.neighbors?.map(({ rank }) => rank)).toEqual([1, 2, 3]);
  expect(full.axes?.map(({ axis }) => typeof axis.name)).toEqual(["string", "string"]);
  expect(full.similarityTo).toBeCloseTo(await client.similarity("zebra", "horse"), 5);
});

test("concepts keep their order around a bad one", async () => {
  const [horse, bad, table] = await client.concepts(["horse", "", "table"], { neighbors: 1 });
  expect(horse).toMatchObject({ text: "horse" });
  expect(isBadUserInputError(bad) && bad.path).toEqual(["concepts", 1]);
  expect(table).toMatchObject({ text: "table" });
});

test("similarities keep the order of their pairs", async () => {
  const [same, bad, other] = await client.similarities([
    { a: "dog", b: "dog" },
    { a: "dog", b: "" },
    { a: "dog", b: "gravel" },
  ]);
  expect(same).toBeCloseTo(1, 5);
  expect(isBadUserInputError(bad)).toBe(true);
  expect(other as number).toBeLessThan(0.99);
});

test("neighbors are iterated over page by page, without gaps or repetitions", async () => {
  const whole = await client.nearestNeighbors("dog", { first: 25 });
  const seen: string[] = [];
  for await (const { text, rank } of client.neighbors("dog", { first: 10 })) {
    expect(rank).toBe(seen.length + 1);
    if (seen.push(text) === 25) break;
  }
  expect(seen).toEqual(whole.items.map(({ text }) => text));
  expect(whole.next).not.toBeNull();
});

test("iteration ends with the last page", async () => {
  const filter = { prefix: "zebra" };
  const all: string[] = [];
  for await (const { text } of client.neighbors("horse", { first: 2, filter })) all.push(text);
  const { items, next } = await client.nearestNeighbors("horse", { first: 100, filter });
  expect(next).toBeNull();
  expect(all).toEqual(items.map(({ text }) => text));
  expect(all.every((text) => text.startsWith("zebra"))).toBe(true);
});

test("a vector finds the same neighbors as the text that it came from", async () => {
  const { vector } = await client.embed("red bicycle", { normalize: false });
  const byVector = await client.nearestNeighbors(
    { vector },
    { first: 5, filter: { exclude: ["red bicycle", "red", "bicycle"] } },
  );
  const byText = await client.nearestNeighbors("red bicycle", {
    first: 5,
    filter: { exclude: ["red", "bicycle"] },
  });
  expect(byVector.items).toEqual(byText.items);
});

test("a vector of another length and a vector with NaN are refused", async () => {
  const nan = client.nearestNeighbors({ vector: [NaN, 1] });
  const short = client.nearestNeighbors({ vector: [1, 2, 3] });
  const good = client.nearestNeighbors("dog");
  await expect(nan).rejects.toSatisfy(isBadUserInputError);
  await expect(short).rejects.toSatisfy(isDimensionMismatchError);
  expect((await good).items).toHaveLength(10);
});

test("terms with weights compose, and negative ones subtract", async () => {
  const terms = ["horse", { text: "brown", weight: -1 }];
  const composed = await client.compose(terms, { method: "SUM", first: 5 });
  const searched = await client.nearestNeighbors({ terms }, { first: 5 });
  expect(composed.vector).toBeInstanceOf(Float32Array);
  expect(composed.neighbors.map(({ text }) => text)).toEqual(searched.items.map(({ text }) => text));
  const [horse, brown] = unwrap(await client.embed(["horse", "brown"]));
  expect(cosine(composed.vector, brown?.vector ?? [])).toBeLessThan(
    cosine(composed.vector, horse?.vector ?? []),
  );
});

test("a composition's default is the server's", async () => {
  expect(await client.compose(["striped", "horse"])).toMatchObject({
    method: "ENCODE",
    text: "striped horse",
  });
});

test("analogy, odd one out and axes answer", async () => {
  const [analogy, odd, axes] = await Promise.all([
    client.analogy("man", "king", "woman", { first: 3 }),
    client.oddOneOut(["dog", "cat", "horse", "democracy"]),
    client.axes(),
  ]);
  expect(analogy).toHaveLength(3);
  expect(odd).toMatchObject({ index: 3, text: "democracy" });
  expect(odd.scores).toHaveLength(4);
  expect(axes.map(({ index }) => index)).toEqual(axes.map((_, i) => i));
});

test("a call that breaks a rule of the server rejects with the rule", async () => {
  await expect(client.nearestNeighbors("dog", { first: 0 })).rejects.toThrow(/first must be 1 to/);
  await expect(client.oddOneOut(["dog"])).rejects.toSatisfy(isBadUserInputError);
  await expect(client.concept("dog", { neighbors: -1 })).rejects.toSatisfy(isBadUserInputError);
});
