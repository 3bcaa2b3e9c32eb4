// What fuzz.mjs sends: queries made from the schema, right and wrong; lists of odd texts; garbage.
import fc from "fast-check";
import { isObjectType } from "graphql/index.js";
import { createSchema } from "../../dist/graphql/schema.js";

const schema = await createSchema();

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
function anySelection(type, depth) {
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
function anyLiteral(type) {
  const text = anyText.map((value) => JSON.stringify(value));
  const right = {
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
  .tuple(fc.constantFrom("Query", "Query", "Query", "Mutation"), anyVariables)
  .chain(([type, variables]) =>
    anySelection(type, 0).map((selection) =>
      JSON.stringify({ query: `${type.toLowerCase()} ${selection}`, variables }),
    ),
  );
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

/** Bodies of requests. */
export const anyBody = fc.oneof(
  { weight: 5, arbitrary: wellFormed },
  { weight: 3, arbitrary: embeddings },
  { weight: 2, arbitrary: garbage },
);
