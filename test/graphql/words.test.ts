import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroundwireServer } from "../../src/server.js";
import { cosine, euclideanNorm } from "../../src/vectors.js";
import { graphql, startGateway } from "../helpers/gateway.js";

let server: GroundwireServer;
beforeAll(async () => {
  server = await startGateway();
});
afterAll(() => server.stop());

function decode(base64: unknown): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64 as string, "base64")).buffer);
}

async function embed(texts: string[]) {
  const query =
    "query ($texts: [String!]!) { embed(texts: $texts) { text vector norm tokenCount truncated } }";
  const { data, errors } = await graphql(server, query, { variables: { texts } });
  return { items: data?.embed as (Record<string, unknown> | null)[] | undefined, errors };
}

test("an empty text is an error in its place, and its neighbors get their vectors", async () => {
  const { items, errors } = await embed(["striped horse", "zebra", ""]);
  expect(items?.map((item) => item !== null)).toEqual([true, true, false]);
  expect(euclideanNorm(decode(items?.[0]?.vector))).toBeCloseTo(1, 5);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({
    path: ["embed", 2],
    message: 'texts[2] must not be empty, is ""',
    extensions: { code: "BAD_USER_INPUT" },
  });
});

test("a text asked for again gets the same vector, at length 1 and as it is", async () => {
  const query =
    "query ($t: [String!]!) { unit: embed(texts: $t) { vector norm } raw: embed(texts: $t, normalize: false) { vector } }";
  const ask = async () => (await graphql(server, query, { variables: { t: ["heard twice"] } })).data;
  const first = await ask();
  expect([await ask(), await ask()]).toEqual([first, first]);
  const [{ vector, norm }] = first?.unit as [{ vector: string; norm: number }];
  const raw = decode((first?.raw as [{ vector: string }])[0].vector);
  expect(decode(vector)).toEqual(raw.map((entry) => entry / norm));
});

test("the same bad text twice is named by each of its places", async () => {
  const { errors } = await embed(["", "dog", ""]);
  expect(errors.map(({ message }) => message.slice(0, 8))).toEqual(["texts[0]", "texts[2]"]);
});

test("600 texts are refused by count, and the server goes on", async () => {
  const { errors } = await embed(Array.from({ length: 600 }, (_, i) => `text ${i}`));
  expect(errors[0]).toMatchObject({
    message: "texts must have at most 512 items, has 600",
    extensions: { code: "TOO_MANY_INPUTS" },
  });
  expect((await embed(["zebra"])).errors).toEqual([]);
});

test("100,000 characters, an emoji, Thai and a lone surrogate each get the answer that is theirs", async () => {
  const { items, errors } = await embed(["x".repeat(100_000), "😀", "สวัสดีชาวโลก", "a\ud800b", "fine"]);
  expect(items?.map((item) => item !== null)).toEqual([false, true, true, false, true]);
  const found = errors.map(({ path, extensions }) => [path?.[1], extensions.code]);
  expect(found).toEqual(
    expect.arrayContaining([
      [0, "TEXT_TOO_LONG"],
      [3, "BAD_USER_INPUT"],
    ]),
  );
});

test("a text beyond maxTokens says that it was cut", async () => {
  const { items } = await embed(["horse ".repeat(300), "horse"]);
  expect(items?.[0]).toMatchObject({ truncated: true, tokenCount: 302 });
  expect(items?.[1]).toMatchObject({ truncated: false, tokenCount: 3 });
});

test("where an answer has no place to say so, a text beyond maxTokens is refused, and its neighbors are served", async () => {
  const long = "horse ".repeat(300);
  const query = `query ($long: String!) {
    similarity(pairs: [{ a: "dog", b: $long }, { a: "dog", b: "cat" }])
    byText: nearestNeighbors(query: { text: $long }) { nodes { text } }
    byTerms: nearestNeighbors(query: { terms: [{ text: "dog" }, { text: $long }] }) { nodes { text } }
    analogy(a: "dog", b: $long, c: "cat") { text }
    oddOneOut(texts: ["dog", $long, "cat"]) { text }
    concept(text: "dog") { similarityTo(text: $long) }
    inferRelations(subject: $long, object: "horse") { predicate { name } }
    completeRelation(subject: $long, predicate: "on") { text }
  }`;
  const { data, errors } = await graphql(server, query, { variables: { long } });
  expect(data?.similarity).toEqual([null, expect.any(Number)]);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(["TEXT_TOO_LONG"]));
  const limit = `must have at most ${server.services.bundle.manifest.maxTokens} tokens, has 302`;
  expect(errors.map(({ message }) => message).sort()).toEqual(
    [
      `pairs[0].b ${limit}`,
      `query.text ${limit}`,
      `query.terms[1].text ${limit}`,
      `b ${limit}`,
      `texts[1] ${limit}`,
      `similarityTo.text ${limit}`,
      `subject ${limit}`,
      `subject ${limit}`,
    ].sort(),
  );
});

test.each([
  ["NaN", Buffer.from(new Float32Array(384).fill(NaN).buffer).toString("base64"), /finite/],
  ["three bytes", "AAAA", /multiple of 4 bytes/],
  ["no base64", "not base64!", /base64/],
  ["a list with a null", [1, null], /finite numbers/],
])("a vector with %s is refused, saying why", async (_name, vector, message) => {
  const query = "query ($v: Vector!) { nearestNeighbors(query: { vector: $v }) { nodes { text } } }";
  const { errors } = await graphql(server, query, { variables: { v: vector } });
  expect(errors[0]?.message).toMatch(message);
  expect(errors[0]?.message.length).toBeLessThan(700);
  expect(errors[0]?.extensions.code).toBe("BAD_USER_INPUT");
});

test("a vector of another dimension, and one of zeros, are refused", async () => {
  const { dimension } = server.services.encoder;
  const query = `query ($short: Vector!, $zero: Vector!) {
    short: nearestNeighbors(query: { vector: $short }) { nodes { text } }
    zero: nearestNeighbors(query: { vector: $zero }) { nodes { text } }
    fine: nearestNeighbors(query: { text: "dog" }, first: 1) { nodes { text } }
  }`;
  const variables = { short: [1, 2], zero: Array<number>(dimension).fill(0) };
  const { data, errors } = await graphql(server, query, { variables });
  expect(
    Object.fromEntries(errors.map(({ path, extensions }) => [String(path?.[0]), extensions.code])),
  ).toEqual({
    short: "DIMENSION_MISMATCH",
    zero: "BAD_USER_INPUT",
  });
  expect((data?.fine as { nodes: unknown[] }).nodes).toHaveLength(1);
});

test("100 concepts with neighbors, axes and similarity cost one encoder batch and one search batch", async () => {
  const texts = server.services.bundle.lexicon.entries.slice(3_000, 3_100);
  const before = [server.services.encoder.stats(), server.services.lexicon.stats()] as const;
  const query = `query ($texts: [String!]!) {
    concepts(texts: $texts) {
      text
      concreteness
      axes(first: 2) { value axis { name } }
      neighbors(first: 3) { text similarity }
      similarityTo(text: "a thing that one can see")
    }
  }`;
  const { data, errors } = await graphql(server, query, { variables: { texts } });
  expect(errors).toEqual([]);
  expect(data?.concepts).toHaveLength(100);
  const after = [server.services.encoder.stats(), server.services.lexicon.stats()] as const;
  expect(after[0].batches - before[0].batches).toBe(1);
  expect(after[1].batches - before[1].batches).toBe(1);
  expect(after[1].queries - before[1].queries).toBe(100);
});

test("pages of neighbors follow each other, and a foreign cursor is refused", async () => {
  const page = "nodes { rank } pageInfo { endCursor hasNextPage hasPreviousPage }";
  const query = `query ($after: String, $text: String!) {
    nearestNeighbors(query: { text: $text }, first: 5, after: $after) { ${page} }
  }`;
  interface Page {
    nodes: { rank: number }[];
    pageInfo: { endCursor: string; hasNextPage: boolean; hasPreviousPage: boolean };
  }
  const first = await graphql(server, query, { variables: { text: "dog" } });
  const { pageInfo } = first.data?.nearestNeighbors as Page;
  const second = await graphql(server, query, { variables: { text: "dog", after: pageInfo.endCursor } });
  const next = second.data?.nearestNeighbors as Page;
  expect(next.nodes.map(({ rank }) => rank)).toEqual([6, 7, 8, 9, 10]);
  expect(next.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  const foreign = await graphql(server, query, { variables: { text: "cat", after: pageInfo.endCursor } });
  expect(foreign.errors[0]?.message).toMatch(/^after must be a cursor of this query and model/);
});

test("a composition is the phrase's own vector, and the odd one out is found", async () => {
  const { data, errors } = await graphql(
    server,
    `
      {
        compose(terms: [{ text: "striped" }, { text: "horse" }], first: 3) {
          text
          vector
          neighbors {
            text
          }
        }
        embed(texts: ["striped horse"]) {
          vector
        }
        oddOneOut(texts: ["apple", "banana", "bulldozer", "pear"]) {
          text
          index
        }
        analogy(a: "puppy", b: "dog", c: "kitten", first: 3) {
          text
        }
        broken: compose(terms: [{ text: "dog" }, { text: "" }]) {
          text
        }
        heavy: compose(terms: [{ text: "dog", weight: 1e39 }], method: SUM) {
          text
        }
      }
    `,
  );
  const { compose, embed, oddOneOut, analogy } = data as unknown as {
    compose: { text: string; vector: string; neighbors: { text: string }[] };
    embed: { vector: string }[];
    oddOneOut: object;
    analogy: unknown[];
  };
  expect(compose.text).toBe("striped horse");
  expect(cosine(decode(compose.vector), decode(embed[0]?.vector))).toBeCloseTo(1, 5);
  expect(compose.neighbors.map(({ text }) => text)).not.toContain("horse");
  expect(oddOneOut).toEqual({ text: "bulldozer", index: 2 });
  expect(analogy).toHaveLength(3);
  const messages = Object.fromEntries(errors.map(({ path, message }) => [String(path?.[0]), message]));
  expect(messages).toEqual({
    broken: 'terms[1].text must not be empty, is ""',
    heavy: expect.stringMatching(/^terms\[0\].weight must be -1000 to 1000/) as string,
  });
});
