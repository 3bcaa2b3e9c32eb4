import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Encoded } from "../../src/inference/encoder.js";
import { BIAS, OPERATORS, PREDICATES, SUBSPACE } from "../helpers/relation-bundle.js";
import { plain } from "../helpers/pictures.mjs";
import { startRelationServer, type RelationServer } from "../helpers/relation-server.js";

interface Score {
  predicate: { name: string };
  score: number;
  probability: number;
  seen: boolean;
  count: number;
}

vi.setConfig({ hookTimeout: 180_000 });

let server: RelationServer;

beforeAll(async () => {
  server = await startRelationServer();
});

afterAll(() => server.stop());

/** The first values of a word's vector: what test/fixtures/relations.onnx imagines. */
async function imagine(text: string): Promise<number[]> {
  const [encoded] = await server.services.encoder.encode([text]);
  return Array.from((encoded as Encoded).vector.slice(0, SUBSPACE));
}

/** `r_s R_p r_o`, by loops. */
function bilinear(subject: number[], operator: Float32Array, object: number[]): number {
  let sum = 0;
  for (const [i, s] of subject.entries()) {
    for (const [j, o] of object.entries()) sum += s * (operator[i * SUBSPACE + j] as number) * o;
  }
  return sum;
}

async function scoresOf(subject: number[], object: number[]): Promise<Map<string, number>> {
  const score = (_: unknown, p: number): [string, number] => [
    PREDICATES[p]?.name as string,
    bilinear(subject, OPERATORS[p] as Float32Array, object) + (BIAS[p] as number),
  ];
  return Promise.resolve(new Map(PREDICATES.map(score)));
}

const FIELDS = "{ predicate { name } score probability seen count }";

describe("inferRelations", () => {
  test("scores are the bilinear forms of the imagined objects, best first", async () => {
    const { data } = await server.ask(`{ inferRelations(subject: "man", object: "horse") ${FIELDS} }`);
    const found = data?.inferRelations as Score[];
    const expected = await scoresOf(await imagine("man"), await imagine("horse"));
    expect(found).toHaveLength(PREDICATES.length);
    for (const { predicate, score } of found)
      expect(score).toBeCloseTo(expected.get(predicate.name) ?? NaN, 4);
    const scores = found.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  test("pairs that are asked for together have the scores of each alone", async () => {
    const pairs = { a: ["man", "horse"], b: ["horse", "man"], c: ["cup", "table"] } as const;
    const fields = Object.entries(pairs).map(
      ([name, [subject, object]]) =>
        `${name}: inferRelations(subject: "${subject}", object: "${object}") ${FIELDS}`,
    );
    const { data } = await server.ask(`{ ${fields.join(" ")} }`);
    for (const [name, [subject, object]] of Object.entries(pairs)) {
      const expected = await scoresOf(await imagine(subject), await imagine(object));
      const found = data?.[name] as Score[];
      expect(found).toHaveLength(PREDICATES.length);
      for (const { predicate, score } of found)
        expect(score).toBeCloseTo(expected.get(predicate.name) ?? NaN, 4);
    }
  });

  test("probabilities are a softmax over all predicates, also when few are asked for", async () => {
    const query = (first: number): string =>
      `{ inferRelations(subject: "man", object: "horse", first: ${first}) ${FIELDS} }`;
    const all = (await server.ask(query(4))).data?.inferRelations as Score[];
    const one = (await server.ask(query(1))).data?.inferRelations as Score[];
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    expect(one).toEqual([all[0]]);
    const [first, second] = all as [Score, Score];
    expect(Math.log(first.probability / second.probability)).toBeCloseTo(first.score - second.score, 4);
  });

  test("each triple tells whether and how often training saw it, whatever its case and spaces", async () => {
    const { data } = await server.ask(`{ inferRelations(subject: " Man ", object: "HORSE") ${FIELDS} }`);
    const counts = new Map(
      (data?.inferRelations as Score[]).map(({ predicate, seen, count }) => [predicate.name, [seen, count]]),
    );
    expect(counts.get("on")).toEqual([true, 3]);
    expect(counts.get("ride")).toEqual([true, 12]);
    expect(counts.get("above")).toEqual([false, 0]);
  });

  test("with a photo the grounded objects are related", async () => {
    const image = (await plain("#c8285a").png().toBuffer()).toString("base64");
    const query = `query ($image: Image) { inferRelations(subject: "man", object: "horse", image: $image) ${FIELDS} }`;
    const { data, errors } = await server.ask(query, { image });
    expect(errors).toBeUndefined();
    const [photo] = await server.services.visual.encode([image], { withGrid: true });
    const { grid } = photo as { grid: Float32Array };
    // One color everywhere: the mean over positions is any position.
    const shift = Array.from(grid.slice(0, SUBSPACE));
    const grounded = async (text: string): Promise<number[]> =>
      (await imagine(text)).map((value, i) => value + (shift[i] as number));
    const expected = await scoresOf(await grounded("man"), await grounded("horse"));
    for (const { predicate, score } of data?.inferRelations as Score[])
      expect(score).toBeCloseTo(expected.get(predicate.name) ?? NaN, 3);
  });

  test("a damaged photo is one error, and its neighbors are served", async () => {
    const { data, errors } = await server.ask(
      `{ bad: inferRelations(subject: "a", object: "b", image: "AAAA") { score }
         good: inferRelations(subject: "cup", object: "table") { score } }`,
    );
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.extensions.code).toBe("IMAGE_UNREADABLE");
    expect(data?.bad).toBeNull();
    expect(data?.good).toHaveLength(PREDICATES.length);
  });

  test("an empty end and a wrong count are refused by name", async () => {
    const { errors } = await server.ask(
      `{ a: inferRelations(subject: " ", object: "b") { score }
         b: inferRelations(subject: "a", object: "b", first: 0) { score } }`,
    );
    const messages = errors?.map(({ message }) => message).sort();
    expect(messages?.[0]).toMatch(/^first must be 1 to/);
    expect(messages?.[1]).toMatch(/^subject must not be empty/);
  });
});

describe("lists of pairs", () => {
  test("1,000 pairs cost one language batch each side and one product", async () => {
    const { encoder, bundle } = server.services;
    const words = bundle.lexicon.entries.filter((entry) => encoder.tokenize(entry).tokenCount === 3);
    const pairs = Array.from({ length: 1000 }, (_, i) => ({ subject: words[i], object: words[i + 1000] }));
    const before = encoder.stats();
    const products = server.services.relations?.stats().batches ?? 0;
    const { data, errors } = await server.ask(
      `query ($a: [ObjectPairInput!]!, $b: [ObjectPairInput!]!) {
        a: inferPairRelations(pairs: $a) { object relations { score } }
        b: inferPairRelations(pairs: $b) { object relations { score } } }`,
      { a: pairs.slice(0, 500), b: pairs.slice(500) },
    );
    expect(errors).toBeUndefined();
    const answers = [data?.a, data?.b].flat() as { object: string; relations: unknown[] }[];
    expect(answers.map(({ object }) => object)).toEqual(pairs.map(({ object }) => object));
    expect(answers.every(({ relations }) => relations.length === PREDICATES.length)).toBe(true);
    const after = encoder.stats();
    const cached = after.cacheHits - before.cacheHits;
    expect(after.texts - before.texts + cached).toBe(2000);
    expect(after.batches - before.batches).toBeLessThanOrEqual(2);
    expect((server.services.relations?.stats().batches ?? 0) - products).toBe(1);
  }, 120_000);

  test("a bad pair is an error in its place, and its neighbors are served", async () => {
    const { data, errors } = await server.ask(
      `{ inferPairRelations(pairs: [{ subject: "man", object: "horse" }, { subject: "man", object: "" }]) {
           relations { score } } }`,
    );
    expect(data?.inferPairRelations).toEqual([{ relations: expect.any(Array) as unknown }, null]);
    expect(errors?.map(({ message, path }) => [message, path])).toEqual([
      ['pairs[1].object must not be empty, is ""', ["inferPairRelations", 1]],
    ]);
  });

  test("concepts' relationsTo equal inferRelations and cost one product", async () => {
    const before = server.services.relations?.stats().batches ?? 0;
    const { data } = await server.ask(
      `{ concepts(texts: ["man", "cup"]) { relationsTo(object: "table") ${FIELDS} }
         man: inferRelations(subject: "man", object: "table") ${FIELDS} }`,
    );
    const [man, cup] = data?.concepts as { relationsTo: Score[] }[];
    expect(man?.relationsTo).toEqual(data?.man);
    expect(cup?.relationsTo.find(({ predicate }) => predicate.name === "on")?.count).toBe(41);
    expect((server.services.relations?.stats().batches ?? 0) - before).toBe(1);
  });
});

describe("completeRelation", () => {
  test("ranks the whole lexicon for a missing object as the product by loops does", async () => {
    const { data } = await server.ask(
      `{ completeRelation(subject: "man", predicate: "ride", first: 1000) { text similarity rank } }`,
    );
    const hits = data?.completeRelation as { text: string; similarity: number; rank: number }[];
    expect(hits.map(({ rank }) => rank)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    const values = hits.map(({ similarity }) => similarity);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    const man = await imagine("man");
    // What training saw as an object, and as one that a man rides, starts higher.
    const atEnd = new Map(Object.entries({ horse: 15, table: 41 }));
    const evidence = (text: string): number =>
      0.6 * Math.log((atEnd.get(text) ?? 0) + 0.1) + 0.6 * Math.log1p(text === "horse" ? 12 : 0);
    expect(hits[0]?.text).toBe("horse");
    for (const { text, similarity } of hits.slice(0, 20)) {
      const score = bilinear(man, OPERATORS[3] as Float32Array, await imagine(text));
      // The lexicon's vectors are stored as int8.
      expect(similarity).toBeCloseTo(score + evidence(text), 1);
    }
  });

  test("a missing subject is not a missing object", async () => {
    const { data } = await server.ask(
      `{ a: completeRelation(object: "horse", predicate: "above", first: 5) { text similarity }
         b: completeRelation(subject: "horse", predicate: "above", first: 5) { text similarity } }`,
    );
    expect(data?.a).not.toEqual(data?.b);
    const [best] = data?.a as { text: string; similarity: number }[];
    const score = bilinear(
      await imagine(best?.text ?? ""),
      OPERATORS[1] as Float32Array,
      await imagine("horse"),
    );
    const prior = 0.6 * Math.log(({ man: 15, cup: 41 }[best?.text ?? ""] ?? 0) + 0.1);
    expect(best?.similarity).toBeCloseTo(score + prior, 1);
  });

  test("aliases are understood, unknown predicates refused with the nearest names", async () => {
    const { data, errors } = await server.ask(
      `{ name: completeRelation(subject: "man", predicate: "ride", first: 3) { text }
         alias: completeRelation(subject: "man", predicate: " Be  Riding", first: 3) { text }
         wrong: completeRelation(subject: "man", predicate: "ridee", first: 3) { text } }`,
    );
    expect(data?.alias).toEqual(data?.name);
    expect(errors?.[0]?.extensions.code).toBe("UNKNOWN_PREDICATE");
    expect(errors?.[0]?.message).toBe(
      'predicate must be a known name or alias, is "ridee"; the nearest are ride, above, below, on',
    );
  });

  test("exactly one end may be missing", async () => {
    const { errors } = await server.ask(
      `{ a: completeRelation(predicate: "on") { text }
         b: completeRelation(subject: "a", predicate: "on", object: "b") { text } }`,
    );
    const messages = errors?.map(({ message }) => message).sort();
    expect(messages).toEqual([
      "exactly one of subject and object must be given, is both",
      "exactly one of subject and object must be given, is neither",
    ]);
  });
});

test("predicates are listed with aliases and inverses", async () => {
  const { data } = await server.ask("{ predicates { name aliases inverse count } }");
  expect(data?.predicates).toEqual(PREDICATES);
});
