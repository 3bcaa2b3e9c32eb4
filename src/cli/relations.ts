import { parseArgs } from "node:util";
import { rankPredicates, type RankedPredicate } from "../relations/ranking.js";
import { scoreInPhoto } from "../relations/photo-pair.js";
import { parseFirst, UsageError } from "./command.js";
import { encodePhoto, encodeWhole, withRelations, type RelationalServices } from "./with-relations.js";

export const summary = "predicates that relate two things, or what completes a triple";

export const usage = `groundwire relations SUBJECT OBJECT [--image FILE] [--first 10] [--json] [--model BUNDLE]
groundwire relations SUBJECT ? --predicate NAME     what completes the triple
groundwire relations ? OBJECT --predicate NAME

  --image FILE       relate them in this photo
  --predicate NAME   what stands in this relation to the one that is named
  --first N          how many, at least 1
  --json             one JSON list
  --model BUNDLE     name below models/, or a path`;

const OPTIONS = {
  image: { type: "string" },
  predicate: { type: "string" },
  first: { type: "string", default: "10" },
  json: { type: "boolean", default: false },
  model: { type: "string" },
} as const;

/** The place of a missing end on the command line. */
const MISSING = "?";

export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [subject, object] = positionals;
  if (positionals.length !== 2 || !subject || !object)
    throw new UsageError(`relations takes a subject and an object, has ${positionals.length} arguments`);
  checkQuestion([subject, object], values);
  const first = parseFirst(values.first);
  const lines = await withRelations(values.model, async (services) => {
    const asked = { subject, object, first };
    if (values.predicate !== undefined)
      return show(await complete({ ...asked, predicate: values.predicate }, services), values.json, showHit);
    return show(await infer({ ...asked, image: values.image }, services), values.json, showPredicate);
  });
  console.log(lines);
}

/** @throws UsageError where an argument would be ignored, or a missing end taken for a word. */
function checkQuestion(ends: string[], { predicate, image }: { predicate?: string; image?: string }): void {
  const missing = ends.filter((end) => end === MISSING).length;
  if (predicate === undefined && missing > 0)
    throw new UsageError(`${MISSING} in place of the subject or the object needs --predicate`);
  if (predicate !== undefined && missing !== 1)
    throw new UsageError(`--predicate needs ${MISSING} in place of either the subject or the object`);
  if (predicate !== undefined && image !== undefined)
    throw new UsageError("--image relates two things in a photo and does not go with --predicate");
}

interface Pair {
  subject: string;
  object: string;
  first: number;
}

async function infer(
  { subject, object, first, image }: Pair & { image: string | undefined },
  { bundle, encoder, visual, relations }: RelationalServices,
): Promise<RankedPredicate[]> {
  const encoded = await encodeWhole({ bundle, encoder }, { subject, object });
  const [left, right] = encoded.map(({ vector }) => vector) as [Float32Array, Float32Array];
  const pair = { subject: left, object: right };
  const scores = image
    ? await scoreInPhoto(pair, (await encodePhoto(visual, image)).grid, relations)
    : ((await relations.score([pair], "words"))[0] as Float32Array);
  return rankPredicates({ subject, object, scores }, first, relations);
}

async function complete(
  { subject, object, first, predicate }: Pair & { predicate: string },
  { bundle, encoder, relations }: RelationalServices,
) {
  const missing = subject === MISSING ? "subject" : "object";
  const text = missing === "subject" ? object : subject;
  const [known] = await encodeWhole(
    { bundle, encoder },
    { [missing === "subject" ? "object" : "subject"]: text },
  );
  const query = {
    known: (known as { vector: Float32Array }).vector,
    missing,
    predicate: relations.findPredicate(predicate),
    name: text,
    k: first,
  } as const;
  const [hits] = await relations.complete([query]);
  return hits ?? [];
}

function show<T>(items: readonly T[], json: boolean, line: (item: T) => string): string {
  return json ? JSON.stringify(items) : items.map(line).join("\n");
}

function showPredicate({ predicate, probability, seen, count }: RankedPredicate): string {
  const share = `${(100 * probability).toFixed(1)} %`;
  return `${predicate.name.padEnd(24)}${share.padStart(8)}  ${seen ? `seen ${count} times` : "inferred"}`;
}

function showHit({ text, similarity }: { text: string; similarity: number }): string {
  return `${text.padEnd(24)}${similarity.toFixed(2).padStart(8)}`;
}
