import { gunzipSync } from "node:zlib";
import { BundleError } from "./manifest.js";

export interface PredicateRecord {
  name: string;
  /** Other spellings of the same relation. */
  aliases: string[];
  /** The predicate that reads the same pair from its other end, if one is known. */
  inverse: string | null;
  /** Tokens in the text-only training triples. */
  count: number;
}

export interface RelationsFile {
  /** By descending count. */
  predicates: readonly PredicateRecord[];
  /** [P, R, R] row-major, each of unit Frobenius norm: a score is `r_s R_p r_o + b_p`. */
  operators: Float32Array;
  /** [P] */
  bias: Float32Array;
  /** R, the width of the relation subspace. */
  subspace: number;
  /** "subject TAB object" -> "predicate:count ..." of the training triples. */
  seen: ReadonlyMap<string, string>;
}

export interface RelationsContent {
  predicates: unknown;
  operators: Buffer;
  triples: Buffer;
}

/** @throws BundleError naming the file and the rule. */
export function parseRelations({ predicates, operators, triples }: RelationsContent): RelationsFile {
  const names = parsePredicates(predicates);
  return { predicates: names, ...parseOperators(operators, names.length), seen: parseTriples(triples) };
}

function parsePredicates(value: unknown): PredicateRecord[] {
  const file = "predicates.json";
  if (!Array.isArray(value) || value.length === 0) throw new BundleError(file, "must be a non-empty list");
  const wrong = (value as Partial<PredicateRecord>[]).findIndex(
    ({ name, aliases, count }) =>
      typeof name !== "string" || !Array.isArray(aliases) || !Number.isInteger(count),
  );
  if (wrong >= 0) throw new BundleError(file, `item ${wrong} must have a name, aliases and a count`);
  return value as PredicateRecord[];
}

function parseOperators(content: Buffer, count: number) {
  const numbers = content.length / 4;
  const subspace = Math.sqrt(numbers / count - 1);
  if (!Number.isInteger(subspace) || subspace < 1) {
    const rule = `must hold ${count} square operators and biases in float32, has ${content.length} bytes`;
    throw new BundleError("relations.bin", rule);
  }
  // Copied, because a Buffer's offset need not be a multiple of four.
  const values = new Float32Array(new Uint8Array(content).buffer);
  return { operators: values.slice(0, -count), bias: values.slice(-count), subspace };
}

function parseTriples(content: Buffer): Map<string, string> {
  const lines = unzip(content).trimEnd().split("\n");
  return new Map(
    lines.map((line, i) => {
      const end = line.lastIndexOf("\t");
      if (!/^[^\t]+\t[^\t]+\t\d+:\d+( \d+:\d+)*$/.test(line)) {
        throw new BundleError("triples.tsv.gz", `line ${i + 1} must hold subject, object and counts`);
      }
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

function unzip(content: Buffer): string {
  try {
    return gunzipSync(content).toString("utf8");
  } catch (cause) {
    throw new BundleError("triples.tsv.gz", "must be a gzip file", { cause });
  }
}
