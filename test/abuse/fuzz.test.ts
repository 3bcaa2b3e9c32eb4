import fc from "fast-check";
import { isObjectType } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ERROR_CODES } from "../../src/errors.js";
import { createSchema } from "../../src/graphql/schema.js";
import type { GroundwireServer } from "../../src/server.js";
import { startGateway } from "../helpers/gateway.js";

// 30 seconds here; ABUSE_SECONDS=600 for ten minutes.
const SECONDS = Number(process.env.ABUSE_SECONDS ?? 30);
const KNOWN_CODES = new Set<unknown>([
  ...ERROR_CODES.filter((code) => code !== "INTERNAL"),
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "BAD_REQUEST",
  "OPERATION_RESOLUTION_FAILURE",
]);

const schema = await createSchema();
let server: GroundwireServer;
const seen = new Map<string, number>();

beforeAll(async () => {
  server = await startGateway({ MAX_TEXTS: "32" });
});
afterAll(async () => {
  await server.stop();
  console.log(`fuzz: ${JSON.stringify(Object.fromEntries(seen))}`);
});

/** Sends anything; whatever it is, the answer is JSON, below 500, with known codes and nothing of the inside. */
async function survives(payload: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await server.app.inject({ method: "POST", url: "/graphql", headers, payload });
  const context = `${response.statusCode} ${response.body.slice(0, 600)} for ${payload.slice(0, 600)}`;
  expect(response.statusCode, context).toBeLessThan(500);
  const answers = [response.json<unknown>()].flat() as { errors?: { extensions?: { code?: unknown } }[] }[];
  for (const { errors = [] } of answers) {
    count(errors.length === 0 ? "answered" : String(errors[0]?.extensions?.code));
    for (const { extensions } of errors) expect(KNOWN_CODES, context).toContain(extensions?.code);
  }
  expect(response.body, context).not.toMatch(/node_modules|\\n\s+at |\/src\/|\/dist\//);
}

function count(outcome: string): void {
  seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
}

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    "zebra",
    "",
    " ",
    "\u0000",
    "\uD800",
    "[CLS]",
    "__proto__",
    "constructor",
    "a".repeat(20_000),
  ),
);
const anyNumber = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -1, 1e308, 2 ** 31, 10));
const anyValue = fc.oneof(anyText, anyNumber, fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 3 }));
const anyList = fc.oneof(fc.array(anyText, { maxLength: 40 }), fc.array(anyValue, { maxLength: 40 }));

/** A field of the schema with some of its arguments, right or wrong, and some of the fields below. */
function anySelection(type: string, depth: number): fc.Arbitrary<string> {
  const object = schema.getType(type);
  if (!isObjectType(object) || depth > 5) return fc.constant("{ __typename }");
  const field = fc.constantFrom(...Object.values(object.getFields()), undefined).chain((chosen) => {
    if (!chosen) return fc.constantFrom("__typename", "nosuchfield", "... on Query { __typename }");
    const named = String(chosen.type).replace(/[[\]!]/g, "");
    const args = fc.record(
      Object.fromEntries(chosen.args.map(({ name, type: argument }) => [name, anyLiteral(String(argument))])),
    );
    const below = isObjectType(schema.getType(named)) ? anySelection(named, depth + 1) : fc.constant("");
    return fc.tuple(args, below).map(([given, selection]) => {
      const list = Object.entries(given).map(([name, value]) => `${name}: ${value}`);
      return `${chosen.name}${list.length > 0 ? `(${list.join(", ")})` : ""} ${selection}`;
    });
  });
  return fc.array(field, { minLength: 1, maxLength: 3 }).map((fields) => {
    return `{ ${fields.map((text, i) => (text.startsWith("...") ? text : `f${i}: ${text}`)).join(" ")} }`;
  });
}

/** Mostly of the right type: what passes validation gets further in. */
function anyLiteral(type: string): fc.Arbitrary<string> {
  const text = anyText.map((value) => JSON.stringify(value));
  const right: Record<string, fc.Arbitrary<string>> = {
    Int: fc.oneof(fc.integer({ min: -3, max: 2000 }), fc.constantFrom(10, 2 ** 31)).map(String),
    Float: anyNumber.map((value) => (Number.isFinite(value) ? String(value) : "1e999")),
    Boolean: fc.constantFrom("true", "false", "null"),
    String: text,
    Vector: fc.oneof(
      text,
      fc.array(anyNumber, { maxLength: 8 }).map((list) => JSON.stringify(list)),
    ),
    ConceptQueryInput: fc.oneof(
      text.map((value) => `{ text: ${value} }`),
      text.map((value) => `{ terms: [{ text: ${value}, weight: -1e40 }] }`),
      fc.constantFrom("{}", `{ text: "a", vector: [1] }`, "{ vector: [0, 0] }"),
    ),
  };
  const exact = type.replace(/[[\]!]/g, "");
  const one = right[exact] ?? fc.oneof(text, fc.constantFrom("{}", "SUM", "GROUNDED", "WORD"));
  const fit = type.startsWith("[")
    ? fc.array(one, { maxLength: 40 }).map((list) => `[${list.join(", ")}]`)
    : one;
  return fc.oneof(
    { weight: 8, arbitrary: fit },
    { weight: 1, arbitrary: fc.constantFrom("null", "{}", "[[]]", "$x", "1") },
  );
}

const anyVariables = fc.dictionary(
  fc.constantFrom("texts", "first", "q", "__proto__", "x"),
  fc.oneof(anyValue, anyList),
);
const wellFormed = fc
  .tuple(fc.constantFrom("query", "mutation"), anySelection("Query", 0), anyVariables)
  .map(([kind, selection, variables]) => JSON.stringify({ query: `${kind} ${selection}`, variables }));
const embeddings = fc.tuple(anyList, anyVariables).map(([texts, variables]) =>
  JSON.stringify({
    query:
      "query ($texts: [String!]!, $first: Int) { embed(texts: $texts) { vector tokenCount } concepts(texts: $texts) { neighbors(first: $first) { text } } }",
    variables: { ...variables, texts },
  }),
);
const garbage = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ maxLength: 300 }).map((query) => JSON.stringify({ query })),
  fc.json({ maxDepth: 4 }),
  fc
    .array(fc.record({ query: fc.constantFrom("{ __typename }", "{", "", null) }), { maxLength: 12 })
    .map((batch) => JSON.stringify(batch)),
);

test(
  "whatever is asked is answered or refused with a known code, and the server stays up",
  async () => {
    const payload = fc.oneof(
      { weight: 5, arbitrary: wellFormed },
      { weight: 3, arbitrary: embeddings },
      { weight: 2, arbitrary: garbage },
    );
    await fc.assert(fc.asyncProperty(payload, survives), {
      numRuns: 10_000_000,
      interruptAfterTimeLimit: SECONDS * 1000,
      markInterruptAsFailure: false,
    });
    await survives(JSON.stringify({ query: `{ embed(texts: ["zebra"]) { norm } }` }));
    expect(seen.get("answered")).toBeGreaterThan(10);
    expect(seen.size).toBeGreaterThan(4);
  },
  (SECONDS + 120) * 1000,
);
