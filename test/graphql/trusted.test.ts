import { parse } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroundwireServer } from "../../src/server.js";
import { loadTrustedDocuments, trustDocuments } from "../../src/graphql/trusted.js";
import { graphql, startGateway } from "../helpers/gateway.js";

const trusted = trustDocuments([
  "query A($t: String!) { concept(text: $t) { text ...F } } fragment F on Concept { norm axes(first: 3) { value } }",
]);

test.each([
  [
    "the document itself",
    "query A($t: String!) { concept(text: $t) { text norm axes(first: 3) { value } } }",
  ],
  ["a part of it", `{ concept(text: "x") { norm } }`],
  ["several under aliases", `{ a: concept(text: "x") { norm } b: concept(text: "y") { t: text } }`],
  [
    "one through a fragment",
    `{ ...Q } fragment Q on Query { concept(text: "x") { ... on Concept { text } } }`,
  ],
  ["one with __typename", `{ __typename concept(text: "x") { __typename text } }`],
])("%s is covered", (_name, query) => {
  expect(trusted.covers(parse(query))).toBe(true);
});

test.each([
  ["another root field", "{ model { name } }"],
  ["another field below", `{ concept(text: "x") { vector } }`],
  ["a field at another place", "{ text }"],
  ["another argument", `{ concept(text: "x") { axes(last: 3) { value } } }`],
  ["another kind of operation", `mutation { concept(text: "x") { norm } }`],
  ["introspection", "{ __schema { types { name } } }"],
  ["something hidden in a fragment", "{ ...Q } fragment Q on Query { model { name } }"],
  ["one operation of two", `query X { concept(text: "x") { norm } } query Y { model { name } }`],
])("%s is not covered", (_name, query) => {
  expect(trusted.covers(parse(query))).toBe(false);
});

test("fragments that double at each of 60 levels are decided at once", () => {
  const levels = Array.from(
    { length: 60 },
    (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
  );
  const query = `{ ...F0 } ${levels.join(" ")} fragment F60 on Query { concept(text: "x") { norm } }`;
  expect(trusted.covers(parse(query))).toBe(false);
});

test("a file that is missing is named", () => {
  expect(() => loadTrustedDocuments("sdk,/no/such/file.graphql")).toThrow("/no/such/file.graphql");
});

let server: GroundwireServer;
beforeAll(async () => {
  server = await startGateway({ TRUSTED_DOCUMENTS: "sdk" });
});
afterAll(() => server.stop());

test("a server that trusts the SDK alone executes its queries and no others", async () => {
  const known = await graphql(
    server,
    `
      {
        c0: embed(texts: ["zebra"]) {
          norm
        }
      }
    `,
  );
  expect([known.status, known.errors]).toEqual([200, []]);
  const unknown = await graphql(server, "{ __schema { queryType { name } } }");
  expect(unknown.status).toBe(403);
  expect(unknown.errors[0]?.extensions.code).toBe("FORBIDDEN");
});
