import { parse, type OperationDefinitionNode } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCostEstimator, type CostEstimator } from "../../src/graphql/cost.js";
import { createSchema } from "../../src/graphql/schema.js";
import type { GroundwireServer } from "../../src/server.js";
import { graphql, startGateway } from "../helpers/gateway.js";

let server: GroundwireServer;
beforeAll(async () => {
  server = await startGateway({ MAX_COST: "1000", MAX_BODY_BYTES: "1048576" });
});
afterAll(() => server.stop());

const repeat = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(" ");

const letter = (i: number): string => String.fromCharCode(65 + i);

describe("document limits", () => {
  const doubling =
    repeat(25, (i) => `fragment ${letter(i)} on Model { ...${letter(i + 1)} ...${letter(i + 1)} }`) +
    " fragment Z on Model { name }";
  const cases: [string, string, RegExp][] = [
    [
      "depth",
      '{ a: nearestNeighbors(query: {text: "a"}) { edges { node { ' +
        "... on Neighbor { ".repeat(5) +
        "text" +
        " }".repeat(9),
      /depth limit of 6/i,
    ],
    [
      "aliases",
      `{ ${repeat(16, (i) => `a${i}: inLexicon`)} }`.replace("{ a0", '{ concept(text: "a") { a0') + "}",
      /aliases limit of 15/i,
    ],
    ["directives", `{ model { name ${repeat(51, () => "@include(if: true)")} } }`, /directives limit of 50/i],
    ["tokens", `{ model { ${repeat(1100, () => "name")} } }`, /token limit of 1000/i],
    ["tokens of a document of any kind", `{ model { ${repeat(6000, () => "name")} } }`, /5000 tokens/i],
    ["structure", `{ model { ...A } } ${doubling}`, /cost limit of 5000/i],
  ];
  test.each(cases)("%s beyond the limit are refused before anything runs", async (_name, query, message) => {
    const { data, errors } = await graphql(server, query);
    expect(data ?? undefined).toBeUndefined();
    expect(errors.map((error) => error.message).join()).toMatch(message);
    expect(["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"]).toContain(errors[0]?.extensions.code);
  });

  test("fragments that spread themselves and each other for ever are refused quickly", async () => {
    const fragments = repeat(40, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`);
    const { errors } = await graphql(
      server,
      `
        {
          ...F0
        }
        ${fragments}
        fragment F40 on Query {
          model {
            name
          }
        }
      `,
    );
    expect(errors.length).toBeGreaterThan(0);
    const circle = await graphql(
      server,
      "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    );
    expect(circle.errors[0]?.extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
  });

  test("fragments on the schema's own types, which no other rule counts, are refused quickly", async () => {
    const fragments = repeat(80, (i) => `fragment F${i} on __Schema { ...F${i + 1} ...F${i + 1} }`);
    const last = "fragment F80 on __Schema { queryType { name } }";
    const { errors } = await graphql(
      server,
      `
        {
          __schema {
            ...F0
          }
        }
        ${fragments}
        ${last}
      `,
    );
    expect(errors[0]?.extensions.code).toBe("TOO_MANY_INPUTS");
  });

  test("a page's size counts the same inside of a fragment", async () => {
    const field = 'nearestNeighbors(query: { text: "dog" }, first: 1000) { nodes { text } }';
    expect((await graphql(server, `{ ${field} }`)).errors).toEqual([]);
    expect((await graphql(server, `{ ...F } fragment F on Query { ${field} }`)).errors).toEqual([]);
  });

  test("twelve calls of the SDK in one request may have more tokens than other documents", async () => {
    const fields = "text vector norm tokenCount truncated ".repeat(20);
    const calls = repeat(12, (i) => `${letter(i)}: embed(texts: ["word ${i}"]) { ${fields} }`);
    const other = await graphql(server, `{ ${calls} }`);
    expect(other.errors[0]?.message).toMatch(/token limit of 1000/i);
    const merged = calls.replace(/([A-L]):/g, (_match, name: string) => `c${name.charCodeAt(0) - 65}:`);
    const { data, errors } = await graphql(server, `{ ${merged} model { limits { maxTexts } } }`);
    expect(errors).toEqual([]);
    expect(Object.keys(data ?? {})).toHaveLength(13);
  });
});

describe("cost", () => {
  let cost: CostEstimator;
  const costOf = (query: string, variables: Record<string, unknown> = {}) => {
    const document = parse(query);
    return cost({ document, operation: document.definitions[0] as OperationDefinitionNode, variables });
  };
  beforeAll(async () => {
    cost = createCostEstimator(await createSchema());
  });

  test("grows linearly with texts, wherever the texts stand", () => {
    const query = "query ($t: [String!]!) { embed(texts: $t) { vector } }";
    const of = (count: number) => costOf(query, { t: Array.from({ length: count }, () => "zebra") });
    expect(of(300) - of(200)).toBeCloseTo(of(200) - of(100), 6);
    expect(costOf(`{ embed(texts: ["zebra", "zebra"]) { vector } }`)).toBeCloseTo(of(2), 6);
  });

  test("is the product of texts and what is asked of each", () => {
    const one = costOf(`{ concepts(texts: ["a"]) { neighbors(first: 100) { text } } }`);
    const many = costOf("query ($t: [String!]!) { concepts(texts: $t) { neighbors(first: 100) { text } } }", {
      t: Array.from({ length: 50 }, () => "a"),
    });
    expect(many).toBeGreaterThan(one * 45);
    expect(many).toBeLessThan(one * 55);
  });

  test("is the same through fragments and variables, and nothing for what is left out", () => {
    const plain = costOf(`{ concept(text: "a") { neighbors(first: 100) { text } } }`);
    const spread = '{ ...Q } fragment Q on Query { concept(text: "a") { ...C } } fragment C on Concept';
    expect(costOf(`${spread} { neighbors(first: 100) { text } }`)).toBe(plain);
    expect(costOf(`{ ... on Query { concept(text: "a") { neighbors(first: 100) { text } } } }`)).toBe(plain);
    const query = "query ($t: String!, $f: Int, $on: Boolean!) { concept(text: $t) @include(if: $on)";
    const of = (on: boolean) =>
      costOf(`${query} { neighbors(first: $f) { text } } }`, { t: "a", f: 100, on });
    expect(of(true)).toBe(plain);
    expect(of(false)).toBe(0);
  });

  test("counts large fields for each item of their page, where they are asked for", () => {
    const query =
      'query ($first: Int!, $on: Boolean!) { searchImages(collection: "a", query: {}, first: $first)';
    const of = (first: number, on: boolean) =>
      costOf(`${query} { nodes { id thumbnail @include(if: $on) } } }`, { first, on });
    expect(of(1000, true) - of(1000, false)).toBeGreaterThan(400);
    expect(of(10, true) - of(10, false)).toBeLessThan(10);
    const items = "items(first: 1000) { nodes { text } }";
    expect(costOf(`{ collections { ${items} } }`)).toBeGreaterThan(
      9 * costOf(`{ collection(id: "a") { ${items} } }`),
    );
  });

  test("counts the other fields where one has an argument that will be refused", async () => {
    const query = `query ($t: String = "a", $many: [String!]!) {
      concept(text: $t) { norm } concepts(texts: $many) { neighbors(first: 1000) { text } }
    }`;
    const many = Array.from({ length: 400 }, (_, i) => `text ${i}`);
    const { errors } = await graphql(server, query, { variables: { t: null, many } });
    expect(errors[0]?.extensions.code).toBe("TOO_MANY_INPUTS");
  });

  test("beyond the limit ends in TOO_MANY_INPUTS that names rule and value", async () => {
    const texts = Array.from({ length: 400 }, (_, i) => `text ${i}`);
    const query = "query ($t: [String!]!) { concepts(texts: $t) { neighbors(first: 1000) { text } } }";
    const { status, data, errors } = await graphql(server, query, { variables: { t: texts } });
    expect(status).toBe(400);
    expect(data ?? undefined).toBeUndefined();
    expect(errors[0]?.extensions.code).toBe("TOO_MANY_INPUTS");
    expect(errors[0]?.message).toMatch(/at most 1000 units .* costs \d{4}/);
  });

  test("is added up over the operations of one batch", async () => {
    const query = "query ($t: [String!]!) { embed(texts: $t) { norm } }";
    const operation = { query, variables: { t: Array.from({ length: 400 }, () => "zebra") } };
    const response = await send([operation, operation, operation]);
    const codes = response
      .json<{ errors?: { extensions: { code: string } }[] }[]>()
      .map(({ errors }) => errors?.[0]?.extensions.code);
    expect(codes.filter((code) => code === "TOO_MANY_INPUTS")).toHaveLength(1);
  });
});

function send(payload: unknown, headers: Record<string, string> = { "content-type": "application/json" }) {
  return server.app.inject({ method: "POST", url: "/graphql", headers, payload: JSON.stringify(payload) });
}

describe("HTTP", () => {
  test("a batch of ten operations is answered, one of eleven is refused", async () => {
    const batch = (count: number) => Array.from({ length: count }, () => ({ query: "{ model { name } }" }));
    expect((await send(batch(10))).json()).toHaveLength(10);
    const refused = await send(batch(11));
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ errors: [{ extensions: { code: "TOO_MANY_INPUTS" } }] });
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])(
    "a POST of %s, which any page could send, is refused",
    async (type) => {
      const response = await send({ query: "{ model { name } }" }, { "content-type": type });
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      expect(response.body).not.toContain("minilm");
    },
  );

  const url = "/graphql?query=" + encodeURIComponent("{ model { stage } }");
  test("a GET that a browser sends for another site is refused, one of a program is answered", async () => {
    const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" };
    const status = async (headers: Record<string, string>) =>
      (await server.app.inject({ url, headers })).statusCode;
    expect(await status(browser)).toBe(400);
    expect(await status({ ...browser, "sec-fetch-site": "cross-site" })).toBe(400);
    expect(await status({ origin: "https://example.org" })).toBe(400);
    expect(await status({ ...browser, "sec-fetch-site": "same-origin" })).toBe(200);
    expect(await status({ "user-agent": "curl/8" })).toBe(200);
  });

  test("a body beyond the limit is refused with 413", async () => {
    const response = await send({ query: "{ model { name } }", variables: { x: "x".repeat(1_100_000) } });
    expect(response.statusCode).toBe(413);
  });

  test("no origin is allowed unless configured, and every answer carries security headers", async () => {
    const { headers } = await server.app.inject({
      url: "/livez",
      headers: { origin: "https://example.org" },
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "content-security-policy": expect.stringContaining("default-src 'none'") as string,
    });
  });
});
