import { gzipSync } from "node:zlib";
import type { PredicateRecord } from "../../src/bundle/relations-file.js";
import { deriveBundle, readFixtures, type PictureBundle } from "./picture-bundle.js";

const GRAPHS = ["relations.onnx", "grounding.onnx", "visual.onnx", "retrieval.onnx"];

/** Width of the relation subspace of test/fixtures/relations.onnx: a word's first values. */
export const SUBSPACE = 4;

export const PREDICATES: PredicateRecord[] = [
  { name: "on", aliases: ["be on", "sitting on"], inverse: null, count: 90 },
  { name: "above", aliases: [], inverse: "below", count: 20 },
  { name: "below", aliases: ["beneath"], inverse: "above", count: 10 },
  { name: "ride", aliases: ["riding", "be riding"], inverse: null, count: 7 },
];

/** [P, R, R]: each predicate looks at another product of two values. */
export const OPERATORS = PREDICATES.map((_, p) =>
  Float32Array.from({ length: SUBSPACE ** 2 }, (_cell, i) => Math.sin(1 + p * 17 + i) / SUBSPACE),
);

export const BIAS = Float32Array.from([0.5, 0.25, 0, -0.5]);

/** The triples that "training" saw, as `triples.tsv.gz` holds them. */
const TRIPLES = "man\thorse\t0:3 3:12\ncup\ttable\t0:41\n";

/** The shipped bundle as one of stage relational, with small graphs and operators whose arithmetic is known. */
export async function createRelationBundle(): Promise<PictureBundle> {
  const numbers = Float32Array.from([...OPERATORS.flatMap((operator) => [...operator]), ...BIAS]);
  return deriveBundle(
    {
      ...(await readFixtures(GRAPHS)),
      "relations.bin": Buffer.from(numbers.buffer),
      "predicates.json": Buffer.from(JSON.stringify(PREDICATES)),
      "triples.tsv.gz": gzipSync(TRIPLES),
    },
    { name: "relations-test", stage: "relational" },
  );
}
