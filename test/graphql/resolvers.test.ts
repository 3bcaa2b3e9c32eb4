import { graphql, type GraphQLSchema } from "graphql";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Context } from "../../src/graphql/context.js";
import { createSchema } from "../../src/graphql/schema.js";
import type { Services } from "../../src/services.js";
import { createArithmeticServices } from "../helpers/arithmetic-services.js";

let schema: GraphQLSchema;
let services: Services;
const tokenized = vi.fn<() => void>();

beforeAll(async () => {
  schema = await createSchema();
  const observe = (stage: string): void => {
    if (stage === "tokenize") tokenized();
  };
  services = await createArithmeticServices({ observe });
});

async function ask(source: string, variableValues: Record<string, unknown> = {}, served = services) {
  const contextValue = new Context({
    requestId: "test",
    services: served,
    limits: { maxTexts: 512, maxFirst: 1000, maxBodyBytes: 1024 },
    caller: { id: "test", scope: "write" },
    deadline: { signal: new AbortController().signal },
  });
  const { data, errors = [] } = await graphql({ schema, source, variableValues, contextValue });
  const messages = errors.map(({ message }) => message);
  // Without the executor's prototypes.
  return { data: JSON.parse(JSON.stringify(data ?? null)) as Record<string, unknown> | null, messages };
}

describe("tokenCount and truncated", () => {
  test("of many aliases take one tokenization a text, where others get their turn between two", async () => {
    const texts = ["horse", "馬".repeat(400)];
    const direct = vi.spyOn(services.encoder, "tokenize");
    tokenized.mockClear();
    const { data, messages } = await ask(
      `query ($texts: [String!]!) {
        concepts(texts: $texts) { a: tokenCount b: tokenCount c: truncated d: truncated norm }
      }`,
      { texts },
    );
    expect(messages).toEqual([]);
    expect(data?.concepts).toMatchObject([
      { a: 3, b: 3, c: false, d: false },
      { a: 402, b: 402, c: true, d: true },
    ]);
    expect(tokenized).toHaveBeenCalledTimes(2);
    expect(direct).not.toHaveBeenCalled();
    direct.mockRestore();
  });

  test.each(["tokenCount", "truncated"])("%s of control characters alone is embed's error", async (field) => {
    const { messages } = await ask(`{
      embed(texts: ["\\u0001\\u0002"]) { norm }
      concepts(texts: ["\\u0001\\u0002"]) { ${field} }
    }`);
    const message = `texts[0] must hold at least one visible character, is "\\u0001\\u0002"`;
    expect(messages).toEqual([message, message]);
  });
});

test.each([
  [`[{ text: "a", weight: -1 }, { text: "b", weight: 2 }]`, /^terms\[1\]\.weight must be 1 .*, is 2/],
  [
    `[{ text: "dog" }, { text: "cat" }, { text: "", weight: -1 }]`,
    /^terms\[2\]\.text must not be empty, is ""$/,
  ],
  [
    `[{ text: "a", weight: -1 }, { text: "dog" }, { text: " " }]`,
    /^terms\[2\]\.text must not be empty, is " "$/,
  ],
  [
    `[{ text: "dog" }, { text: "cat" }, { text: "a", weight: -5000 }]`,
    /^terms\[2\]\.weight must be -1000 to 1000, is -5000$/,
  ],
])("compose names the term by its place in the list that was sent: %s", async (terms, message) => {
  const { messages } = await ask(`{ compose(terms: ${terms}) { text } }`);
  expect(messages).toEqual([expect.stringMatching(message) as string]);
});

test("compose counts the terms that are subtracted with the others", async () => {
  const terms = Array.from({ length: 514 }, (_, i) => ({ text: "dog", weight: i % 2 === 0 ? 1 : -1 }));
  const { messages } = await ask(`query ($terms: [TermInput!]!) { compose(terms: $terms) { text } }`, {
    terms,
  });
  expect(messages).toEqual(["terms must have at most 512 items, has 514"]);
});

test("null for an argument that has a default means the default", async () => {
  const query = (nulls: (names: string) => string): string => `{
    embed(texts: ["zebra"]${nulls(", space: null, normalize: null")}) { vector }
    concept(text: "zebra") {
      vector${nulls("(normalize: null)")}
      axes${nulls("(first: null)")} { value }
      neighbors${nulls("(first: null, excludeSelf: null)")} { text rank }
    }
    compose(
      terms: [{ text: "red"${nulls(", weight: null")} }, { text: "car" }]
      ${nulls("method: null, first: null, excludeTerms: null")}
    ) { method text neighbors { text rank } }
    analogy(a: "a", b: "b", c: "c"${nulls(", first: null")}) { rank }
    nearestNeighbors(query: { text: "dog" }${nulls(", first: null")}) { nodes { rank } }
  }`;
  const expected = await ask(query(() => ""));
  expect(expected).toMatchObject({ data: { compose: { method: "ENCODE" } }, messages: [] });
  expect(await ask(query((names) => names))).toEqual(expected);
  const { data } = await ask(
    `query ($method: CompositionMethod) { compose(terms: [{ text: "red" }], method: $method) { method } }`,
    { method: null },
  );
  expect(data).toEqual({ compose: { method: "ENCODE" } });
});

describe("a cursor", () => {
  const query = `query ($query: ConceptQueryInput!, $after: String) {
    nearestNeighbors(query: $query, first: 5, after: $after) { nodes { rank } pageInfo { endCursor } }
  }`;
  interface Page {
    nodes: { rank: number }[];
    pageInfo: { endCursor: string };
  }
  let uncached: Services;
  beforeAll(async () => {
    uncached = await createArithmeticServices({ cacheEntries: 0 });
  });

  async function page(concept: object, after?: string) {
    const { data, messages } = await ask(query, { query: concept, after }, uncached);
    return { ...(data?.nearestNeighbors as Page | null), messages };
  }

  test.each([
    ["text", { text: "dog" }],
    ["terms", { terms: [{ text: "dog" }, { text: "cat", weight: -0.5 }] }],
    ["vector", { vector: Array.from({ length: 384 }, (_, i) => i) }],
  ])("goes on where the vector of the query's %s is computed again", async (_name, concept) => {
    const { pageInfo } = await page(concept);
    const { messages, nodes } = await page(concept, pageInfo?.endCursor);
    expect(messages).toEqual([]);
    expect(nodes?.map(({ rank }) => rank)).toEqual([6, 7, 8, 9, 10]);
  });

  test.each([
    ["text", { text: "dog" }, { text: "cat" }],
    ["weight", { terms: [{ text: "dog", weight: 2 }] }, { terms: [{ text: "dog", weight: 3 }] }],
    ["kind", { terms: [{ text: "dog" }] }, { text: "dog" }],
  ])("of a query of another %s is refused", async (_name, concept, other) => {
    const { pageInfo } = await page(concept);
    const { messages } = await page(other, pageInfo?.endCursor);
    const message = /^after must be a cursor of this query and model/;
    expect(messages).toEqual([expect.stringMatching(message) as string]);
  });
});
