import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseManifest } from "../../src/bundle/manifest.js";
import { shippedBundle, signManifest } from "../helpers/bundle.js";

const shipped = readFileSync(join(shippedBundle, "manifest.json"), "utf8");

function withFields(fields: object): () => unknown {
  return () => parseManifest(signManifest({ ...(JSON.parse(shipped) as object), ...fields }));
}

test("the exporter's checksum is over the very bytes of its file", () => {
  expect(parseManifest(shipped)).toEqual(JSON.parse(shipped));
  const respaced = shipped.replace('"formatVersion": 1', '"formatVersion":  1');
  expect(() => parseManifest(respaced)).toThrow("the file was altered");
});

test.each([
  [{ formatVersion: 2 }, "manifest.json: formatVersion must be 1, is 2"],
  [{ stage: "final" }, 'manifest.json: stage must be base, grounded or relational, is "final"'],
  [{ dimension: 0 }, "manifest.json: dimension must be an integer >= 1, is 0"],
  [{ maxTokens: "128" }, 'manifest.json: maxTokens must be an integer >= 3, is "128"'],
  [{ name: "" }, "manifest.json: name must be a non-empty string"],
  [{ pooling: undefined }, "manifest.json: pooling must be a string, is missing"],
  [{ fingerprint: "abc" }, "manifest.json: fingerprint must be 64 hexadecimal digits"],
  [{ files: {} }, "manifest.json: files must list tokenizer.json"],
  [{ files: { "../secret": null } }, 'manifest.json: files: "../secret" must be a plain file name'],
  [{ files: { a: null } }, "manifest.json: files: a.sha256 must be 64 hexadecimal digits"],
  [
    { session: { configEntries: { nodot: "1" } } },
    'manifest.json: session.configEntries: "nodot" must be a key with one dot, and its value a string',
  ],
])("a manifest with %j is refused: %s", (fields, message) => {
  expect(withFields(fields)).toThrow(message);
});

test.each(["", "null", "[]", "{", "\u0000"])("a manifest of %j is refused", (text) => {
  expect(() => parseManifest(text)).toThrow(/^manifest.json: /);
});

test("a changed field without a new checksum is an alteration", () => {
  expect(() => parseManifest(shipped.replace('"maxTokens": ', '"maxTokens": 1'))).toThrow(
    "manifest.json: the file was altered: its checksum does not match its content",
  );
});
