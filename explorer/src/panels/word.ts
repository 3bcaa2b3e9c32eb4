import type { AxisScore, Concept } from "@groundwire/client";
import { element, note, part } from "../dom.js";
import { neighborBars } from "../neighbor-bars.js";
import type { Panel, Question } from "../panel.js";

export const word: Panel = {
  id: "word",
  title: "Word",
  lead: "What a word or phrase means: what is near it, how concrete it is, and where it lies on named axes.",
  fields: [
    { name: "text", label: "Word or phrase", start: "zebra" },
    { name: "other", label: "Compare with (optional)" },
  ],
  answer,
};

async function answer({ values, client, signal }: Question): Promise<Node[]> {
  const { text = "", other } = values;
  const similarityTo = other === "" ? undefined : other;
  const concept = await client.concept(text, { neighbors: 12, axes: 6, similarityTo, signal });
  const { neighbors = [], axes = [] } = concept;
  return [facts(concept, other), part("Near it", neighborBars(neighbors)), part("Axes", axisList(axes))];
}

function facts(concept: Concept, other = ""): HTMLElement {
  const { concreteness, inLexicon, tokenCount, truncated, similarityTo } = concept;
  const lines = [
    `${tokenCount} tokens${truncated ? ", of which the model read only the first" : ""}; ` +
      (inLexicon ? "an entry of the lexicon" : "not in the lexicon"),
  ];
  if (concreteness !== null) lines.unshift(`Concreteness ${concreteness.toFixed(1)} of 5`);
  if (similarityTo !== undefined) lines.unshift(`Cosine to “${other}” ${similarityTo.toFixed(3)}`);
  return element("ul", { className: "facts" }, ...lines.map((line) => element("li", {}, line)));
}

/** Each axis from its low words to its high ones, with the word's place between the extremes of those shown. */
function axisList(axes: readonly AxisScore[]): HTMLElement {
  if (axes.length === 0) return note("The model has no axes.");
  const farthest = Math.max(...axes.map(({ value }) => Math.abs(value)));
  return element("ul", { className: "axes" }, ...axes.map((score) => axisLine(score, farthest)));
}

function axisLine({ value, axis }: AxisScore, farthest: number): HTMLElement {
  const mark = element("span", { className: "mark" });
  mark.style.left = `${50 + 50 * (value / farthest)}%`;
  const trust = axis.r === null || axis.r === undefined ? "" : ` (r = ${axis.r.toFixed(2)})`;
  return element(
    "li",
    {},
    element(
      "strong",
      {},
      `${axis.name}${trust} `,
      element("data", { value: String(value) }, value.toFixed(2)),
    ),
    element("span", { className: "low" }, axis.low.slice(0, 3).join(", ")),
    element("span", { className: "line" }, mark),
    element("span", { className: "high" }, axis.high.slice(0, 3).join(", ")),
  );
}
