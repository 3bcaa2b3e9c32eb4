/// <reference types="vite/client" />
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { buildSchema, parse, validate } from "graphql";
import { expect, test } from "vitest";
import { buildRequest, printDocument, type Operation } from "../src/document.js";

const modules = import.meta.glob<Record<string, unknown>>("../src/*.ts", { eager: true });
const operations = Object.values(modules)
  .flatMap((module) => Object.values(module))
  .filter((value): value is Operation => typeof value === "object" && value !== null && "selection" in value);
const schema = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));
const named = operations.map((operation): [string, Operation] => [operation.name, operation]);

test.each(named)("the document of %s is valid against schema.graphql", (_, operation) => {
  expect(validate(schema, parse(printDocument(operation)))).toEqual([]);
});

test("queries joined in one document are valid, also twice the same one", () => {
  const queries = operations.filter(({ kind }) => kind === "query");
  const bound = [...queries, ...queries].map((operation) => ({ operation, variables: {} }));
  expect(validate(schema, parse(buildRequest(bound, true).query))).toEqual([]);
});

test("documents.json lists every document by its SHA-256", async () => {
  const documents = operations.map(printDocument).sort();
  const byHash = Object.fromEntries(
    documents.map((text) => [createHash("sha256").update(text).digest("hex"), text]),
  );
  await expect(`${JSON.stringify(byHash, null, 2)}\n`).toMatchFileSnapshot("../documents.json");
});
