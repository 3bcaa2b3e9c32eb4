import type { CompositionMethod } from "@groundwire/client";
import { linkToWord } from "../address.js";
import { bars, note, part } from "../dom.js";
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
  const methods: CompositionMethod[] = ["ENCODE", "SUM"];
  const [encoded, summed] = await Promise.all(
    methods.map((method) => client.compose(terms, { method, first: 10, signal })),
  );
  return [encoded, summed].flatMap((composition) => {
    if (!composition) return [];
    const { method, text, neighbors } = composition;
    const rows = neighbors.map((near) => ({
      label: near.text,
      href: linkToWord(near.text),
      value: near.similarity,
    }));
    const how = method === "ENCODE" ? `As one phrase: “${text ?? ""}”` : "As a sum of vectors";
    return [part(how, rows.length > 0 ? bars(rows) : note("Nothing is near."))];
  });
}
