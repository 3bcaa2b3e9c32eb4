import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parseRelations } from "../../src/bundle/relations-file.js";
import { createPriors } from "../../src/relations/priors.js";
import { createSeenTriples } from "../../src/relations/seen-triples.js";

const predicates = [
  { name: "on", aliases: [], inverse: null, count: 9 },
  { name: "ride", aliases: [], inverse: null, count: 4 },
];
const numbers = Float32Array.from({ length: 2 * (3 * 3 + 1) }, (_, i) => i);
const operators = Buffer.from(numbers.buffer);
const triples = gzipSync("man\thorse\t0:3 1:12\nteddy bear\tbed\t0:1\n");

test("operators, biases and the width of the subspace come out of one file", () => {
  const file = parseRelations({ predicates, operators, triples });
  expect(file.subspace).toBe(3);
  expect([...file.operators]).toEqual([...numbers.slice(0, 18)]);
  expect([...file.bias]).toEqual([18, 19]);
});

test("seen triples are found by pair, in any case, and others have no counts", () => {
  const seen = createSeenTriples(parseRelations({ predicates, operators, triples }));
  expect([...seen("Man", " horse ")]).toEqual([
    [0, 3],
    [1, 12],
  ]);
  expect([...seen("teddy  bear", "bed")]).toEqual([[0, 1]]);
  expect(seen("horse", "man").size).toBe(0);
});

test("an entry's prior grows with its count at that end alone", () => {
  const { subject, object } = createPriors(parseRelations({ predicates, operators, triples }), [
    "man",
    "horse",
  ]);
  expect(subject[0]).toBeCloseTo(0.6 * Math.log(15.1), 5);
  expect(object[1]).toBeCloseTo(0.6 * Math.log(15.1), 5);
  expect(subject[1]).toBeCloseTo(0.6 * Math.log(0.1), 5);
});

test("a file that breaks its format is named with the rule", () => {
  const parse = (changes: object) => () => parseRelations({ predicates, operators, triples, ...changes });
  expect(parse({ operators: operators.subarray(4) })).toThrow(/^relations.bin: must hold 2 square operators/);
  expect(parse({ triples: Buffer.from("no") })).toThrow("triples.tsv.gz: must be a gzip file");
  expect(parse({ triples: gzipSync("man\thorse\tmany") })).toThrow("triples.tsv.gz: line 1 must hold");
  expect(parse({ predicates: [{ name: "on" }] })).toThrow("predicates.json: item 0 must have a name");
});
