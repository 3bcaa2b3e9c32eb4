import type { CompositionMethod } from "@groundwire/client";
import { part } from "../dom.js";
import { neighborBars } from "../neighbor-bars.js";
import type { Panel, Question } from "../panel.js";

export const compose: Panel = {
  id: "compose",
  title: "Compose",
  lead: "Several terms as one meaning. Put + or - with spaces around it between them: horse + striped, or king - man + woman.",
  fields: [{ name: "terms", label: "Terms", start: "striped + horse" }],
  answer,
};

export interface WeightedTerm {
  text: string;
  weight: 1 | -1;
}

/** `king - man + woman`: a sign between spaces parts two terms, so that words with hyphens stay whole. */
export function parseTerms(text: string): WeightedTerm[] {
  const [first = "", ...rest] = text.split(/\s+([+-])\s+/);
  const signed = [{ text: first, weight: 1 } as WeightedTerm];
  for (let i = 0; i < rest.length; i += 2)
    signed.push({ text: rest[i + 1] as string, weight: rest[i] === "-" ? -1 : 1 });
  return signed;
}

async function answer({ values, client, signal }: Question): Promise<Node[]> {
  const terms = parseTerms(values.terms ?? "");
  const ask = (method: CompositionMethod) => client.compose(terms, { method, first: 10, signal });
  const [encoded, summed] = await Promise.all([ask("ENCODE"), ask("SUM")]);
  return [
    part(`As one phrase: “${encoded.text ?? ""}”`, neighborBars(encoded.neighbors)),
    part("As a sum of vectors", neighborBars(summed.neighbors)),
  ];
}
