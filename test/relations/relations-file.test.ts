import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parseRelations } from "../../src/bundle/relations-file.js";
import { createEvidence, type OpenTriple } from "../../src/relations/evidence.js";
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

test("an entry gains with its count at that end alone, and with the very triple's", () => {
  const evidence = createEvidence(parseRelations({ predicates, operators, triples }).seen, ["man", "horse"]);
  const added = (triple: OpenTriple) => {
    const scores = new Float32Array(2);
    evidence.addTo(scores, triple);
    return scores;
  };
  const prior = (count: number) => 0.6 * Math.log(count + 0.1);
  const riders = added({ missing: "subject", predicate: 1, name: " Horse " });
  expect(riders[0]).toBeCloseTo(prior(15) + 0.6 * Math.log(13), 5);
  expect(riders[1]).toBeCloseTo(prior(0), 5);
  const ridden = added({ missing: "object", predicate: 1, name: "man" });
  expect(ridden[0]).toBeCloseTo(prior(0), 5);
  expect(ridden[1]).toBeCloseTo(prior(15) + 0.6 * Math.log(13), 5);
  expect(added({ missing: "object", predicate: 1, name: "boy" })[1]).toBeCloseTo(prior(15), 5);
});

test("a file that breaks its format is named with the rule", () => {
  const parse = (changes: object) => () => parseRelations({ predicates, operators, triples, ...changes });
  expect(parse({ operators: operators.subarray(4) })).toThrow(/^relations.bin: must hold 2 square operators/);
  expect(parse({ triples: Buffer.from("no") })).toThrow("triples.tsv.gz: must be a gzip file");
  expect(parse({ triples: gzipSync("man\thorse\tmany") })).toThrow("triples.tsv.gz: line 1 must hold");
  expect(parse({ predicates: [{ name: "on" }] })).toThrow("predicates.json: item 0 must have a name");
});
