import { rank } from "../../lexicon/rank.js";
import { createEvidence, type Evidence } from "../../relations/evidence.js";
import type { Graph, OpenGraph } from "../graph.js";
import type {
  CompleteReply,
  CompleteRequest,
  GroundReply,
  GroundRequest,
  RelateReply,
  RelateRequest,
  RelateSettings,
  ScoreReply,
  ScoreRequest,
} from "../protocol.js";
import { createProduct, type Product } from "./product.js";

/** Lexicon rows imagined at a time: other requests get their turn in between. */
const IMAGINED_ROWS = 1024;

/** Relations between objects that words imagine or that photos show, and the grounding of words in photos. */
export async function createRelateHandler(settings: RelateSettings, openGraph: OpenGraph) {
  const { threads, extra, operators, subspace, bias, entries, seen } = settings;
  const imagine = createImagination(await openGraph(settings.relations, { threads, extra }));
  const grounding = await openGraph(settings.grounding, { threads, extra });
  const columns = concatenate([transpose(operators, bias.length), bias]);
  const pairs = await createProduct(columns, subspace ** 2 + 1, threads, openGraph);
  // Imagined for the first completion: a worker that computes unasked cannot be ended cleanly.
  let lexicon: Promise<{ product: Product; evidence: Evidence }> | undefined;

  async function openLexicon() {
    const imagined = await imagineLexicon(settings, imagine);
    const product = await createProduct(transpose(imagined, entries.length), subspace, threads, openGraph);
    return { product, evidence: createEvidence(seen, entries) };
  }

  async function score({ subjects, objects, space, count }: ScoreRequest): Promise<ScoreReply> {
    const inSubspace = (rows: Float32Array) =>
      space === "subspace" ? Promise.resolve(rows) : imagine(rows, count);
    const [left, right] = [await inSubspace(subjects), await inSubspace(objects)];
    return { scores: new Float32Array(await pairs.multiply(outerProducts(left, right, subspace))) };
  }

  async function complete({ queries }: CompleteRequest): Promise<CompleteReply> {
    const { product, evidence } = await (lexicon ??= openLexicon());
    const known = await imagine(concatenate(queries.map((query) => query.known)), queries.length);
    const wanted = queries.map(({ predicate, missing }, i) => {
      const operator = operators.subarray(predicate * subspace ** 2, (predicate + 1) * subspace ** 2);
      return otherEnd(operator, known.subarray(i * subspace, (i + 1) * subspace), missing);
    });
    const scores = await product.multiply(concatenate(wanted));
    const size = entries.length;
    const results = queries.map((query, i) => {
      // The scores are a product's own memory, which nobody reads again.
      const sums = scores.subarray(i * size, (i + 1) * size);
      evidence.addTo(sums, query);
      return rank({ scores: sums }, query, entries);
    });
    return { results };
  }

  async function ground({ grid, tokens, objects, dimension }: GroundRequest): Promise<GroundReply> {
    const feed = (data: Float32Array) => ({ data, shape: [1, data.length / dimension, dimension] });
    const feeds = { grid: feed(grid), tokens: feed(tokens), objects: feed(objects) };
    const { similarity, grounded } = await grounding.run(feeds, ["similarity", "grounded"]);
    return {
      similarity: new Float32Array(similarity as Float32Array),
      grounded: new Float32Array(grounded as Float32Array),
    };
  }

  return (request: RelateRequest): Promise<RelateReply> => {
    switch (request.task) {
      case "score":
        return score(request);
      case "complete":
        return complete(request);
      case "ground":
        return ground(request);
      default:
        return request satisfies never;
    }
  };
}

/** Word vectors [N, D] -> imagined objects [N, R]. */
type Imagine = (words: Float32Array, count: number) => Promise<Float32Array>;

function createImagination(graph: Graph): Imagine {
  return async (words, count) => {
    const objects = { data: words, shape: [count, words.length / count] };
    const { imagined } = await graph.run({ objects }, ["imagined"]);
    return imagined as Float32Array;
  };
}

/** What every entry of the lexicon is imagined as, [N, R]. */
async function imagineLexicon(settings: RelateSettings, imagine: Imagine): Promise<Float32Array> {
  const { rows, scales, entries, subspace } = settings;
  const dimension = rows.length / entries.length;
  const imagined = new Float32Array(entries.length * subspace);
  for (let first = 0; first < entries.length; first += IMAGINED_ROWS) {
    const count = Math.min(IMAGINED_ROWS, entries.length - first);
    const words = Float32Array.from(
      rows.subarray(first * dimension, (first + count) * dimension),
      (code, i) => code * (scales[first + Math.floor(i / dimension)] as number),
    );
    imagined.set(await imagine(words, count), first * subspace);
    await new Promise(setImmediate);
  }
  return imagined;
}

/**
 * `r_s R_p r_o + b_p = <(r_s (x) r_o, 1), (R_p, b_p)>`: with rows [N, R * R + 1] all predicates are one matrix product.
 */
function outerProducts(subjects: Float32Array, objects: Float32Array, subspace: number): Float32Array {
  const outer = new Float32Array(subjects.length * subspace + subjects.length / subspace);
  let at = 0;
  for (let first = 0; first < subjects.length; first += subspace) {
    for (let i = first; i < first + subspace; i++) {
      const subject = subjects[i] as number;
      for (let j = first; j < first + subspace; j++) outer[at++] = subject * (objects[j] as number);
    }
    outer[at++] = 1;
  }
  return outer;
}

/** What the missing end is multiplied with: `r_s R_p` for an object, `R_p r_o` for a subject. */
function otherEnd(operator: Float32Array, known: Float32Array, missing: "subject" | "object"): Float32Array {
  const size = known.length;
  const result = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const cell = operator[i * size + j] as number;
      if (missing === "object") result[j] = (result[j] as number) + (known[i] as number) * cell;
      else result[i] = (result[i] as number) + cell * (known[j] as number);
    }
  }
  return result;
}

/** Rows [count, width] -> columns [width, count]. */
function transpose(matrix: Float32Array, count: number): Float32Array {
  const width = matrix.length / count;
  const columns = new Float32Array(matrix.length);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < width; j++) columns[j * count + i] = matrix[i * width + j] as number;
  }
  return columns;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const flat = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    flat.set(part, at);
    at += part.length;
  }
  return flat;
}
