import type { RelationScore } from "@groundwire/client";
import { bars, note, part } from "../dom.js";
import { neighborBars } from "../neighbor-bars.js";
import type { Panel, Question } from "../panel.js";

export const relations: Panel = {
  id: "relations",
  title: "Relations",
  lead: "How two things relate, or what completes a triple; seen means in training. Leave empty what you want to know: the relation, or one of its ends.",
  fields: [
    { name: "subject", label: "Subject", start: "man" },
    { name: "predicate", label: "Relation", suggest: suggestPredicates },
    { name: "object", label: "Object", start: "horse" },
    { name: "image", label: "In this photo (optional)", kind: "picture" },
  ],
  answer,
};

async function answer({ values, pictures, client, signal }: Question): Promise<Node[]> {
  const { subject = "", predicate = "", object = "" } = values;
  const { image } = pictures;
  if (predicate === "") {
    const scores = await client.inferRelations(subject, object, { image, first: 12, signal });
    return [part(`${subject} … ${object}`, bars(scores.map(toRow)))];
  }
  const known = {
    ...(subject !== "" && { subject }),
    ...(object !== "" && { object }),
  };
  const found = await client.completeRelation({ predicate, ...known }, { first: 12, signal });
  const unused = image ? [note("A triple is completed without the photo.")] : [];
  return [...unused, part(`${subject || "?"} ${predicate} ${object || "?"}`, neighborBars(found))];
}

function toRow({ predicate, probability, count }: RelationScore) {
  return { label: predicate.name, value: probability, note: count > 0 ? `seen ${count} times` : "inferred" };
}

async function suggestPredicates(client: Question["client"]): Promise<string[]> {
  return (await client.predicates()).map(({ name }) => name);
}
