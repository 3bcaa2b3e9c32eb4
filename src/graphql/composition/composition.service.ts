import { meanSimilarities, weightedSum } from "../../composition/composition.js";
import { GroundwireError } from "../../errors.js";
import { checkText } from "../../inference/tokenizer.js";
import { euclideanNorm, normalize } from "../../vectors.js";
import { checkCount } from "../checks.js";
import type { Context } from "../context.js";
import type { TermInput } from "../neighbors/neighbors.input.js";
import {
  findNeighbors,
  loadTerms,
  nameTerms,
  sumTerms,
  type NamedTerm,
} from "../neighbors/neighbors.service.js";
import type { Neighbor } from "../neighbors/neighbors.type.js";
import { loadWhole } from "../whole.js";
import { CompositionMethod, type Composition, type OddOneOut } from "./composition.type.js";

export interface ComposeRequest {
  terms: TermInput[];
  method: CompositionMethod;
  first: number;
  excludeTerms: boolean;
}

/** @throws GroundwireError BAD_USER_INPUT or TEXT_TOO_LONG, naming the term by its place; TOO_MANY_INPUTS. */
export async function composeTerms(request: ComposeRequest, context: Context): Promise<Composition> {
  const { terms, method, first, excludeTerms } = request;
  checkCount(terms, "terms", context);
  const { text, vector, truncated } = await composeVector(terms, method, context);
  const exclude = excludeTerms ? terms.map((term) => term.text) : [];
  const neighbors = await findNeighbors(vector, first, exclude, context);
  return { method, text, truncated, vector: normalize(vector), norm: euclideanNorm(vector), neighbors };
}

async function composeVector(terms: TermInput[], method: CompositionMethod, context: Context) {
  if (method === CompositionMethod.SUM) return { text: null, ...(await sumTerms(terms, "terms", context)) };
  const named = nameTerms(terms, "terms");
  const subtracted = named.filter(({ weight }) => (weight ?? 1) < 0);
  const joined = named.filter((term) => !subtracted.includes(term));
  if (subtracted.length > 0 && joined.length === 0)
    throw new GroundwireError(
      "BAD_USER_INPUT",
      "terms must have one of weight 1 to subtract from, have none",
    );
  const text = joinTerms(joined);
  const loads = [context.vectors.load({ text, field: "terms" }), loadTerms(subtracted, context)] as const;
  const [{ vector, truncated: isCut }, others] = await Promise.all(loads);
  const truncated = isCut || others.some((other) => other.truncated);
  if (others.length === 0) return { text, vector, truncated };
  return { text, vector: weightedSum([{ vector, weight: 1 }, ...others], "terms"), truncated };
}

function joinTerms(terms: NamedTerm[]): string {
  for (const { text, field } of terms) checkText(text, `${field}.text`);
  const weighted = terms.find(({ weight }) => (weight ?? 1) !== 1);
  if (weighted) {
    const message = `${weighted.field}.weight must be 1 for method ENCODE, is ${weighted.weight}; SUM takes weights`;
    throw new GroundwireError("BAD_USER_INPUT", message);
  }
  return terms.map(({ text }) => text.trim()).join(" ");
}

type Triple = [Float32Array, Float32Array, Float32Array];

/** a is to b as c is to the answer: the entries nearest to `b - a + c`. */
export async function solveAnalogy(
  a: string,
  b: string,
  c: string,
  first: number,
  context: Context,
): Promise<Neighbor[]> {
  const loads = Object.entries({ a, b, c }).map(([field, text]) => loadWhole({ text, field }, context));
  const [from, to, next] = (await Promise.all(loads)).map(({ vector }) => vector) as Triple;
  const terms = [
    { vector: to, weight: 1 },
    { vector: from, weight: -1 },
    { vector: next, weight: 1 },
  ];
  const vector = weightedSum(terms, "b - a + c");
  return findNeighbors(vector, first, [a, b, c], context);
}

/** @throws GroundwireError BAD_USER_INPUT for fewer than three texts. */
export async function findOddOneOut(texts: string[], context: Context): Promise<OddOneOut> {
  checkCount(texts, "texts", context);
  if (texts.length < 3) {
    throw new GroundwireError("BAD_USER_INPUT", `texts must have at least 3 items, has ${texts.length}`);
  }
  const encoded = await Promise.all(
    texts.map((text, i) => loadWhole({ text, field: `texts[${i}]` }, context)),
  );
  const scores = meanSimilarities(encoded.map(({ vector }) => vector));
  const index = scores.indexOf(Math.min(...scores));
  return { text: texts[index] as string, index, scores };
}
