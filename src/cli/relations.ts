import { parseArgs } from "node:util";
import { GroundwireError } from "../errors.js";
import { rankPredicates, type RankedPredicate } from "../relations/ranking.js";
import { scoreInPhoto } from "../relations/photo-pair.js";
import { encodePhoto, encodeTexts, withRelations, type RelationalServices } from "./with-relations.js";

export const summary = "predicates that relate two things, or what completes a triple";

export const usage = `groundwire relations SUBJECT OBJECT [--image FILE] [--first 10] [--json] [--model BUNDLE]
groundwire relations SUBJECT ? --predicate NAME     what completes the triple
groundwire relations ? OBJECT --predicate NAME`;

const OPTIONS = {
  image: { type: "string" },
  predicate: { type: "string" },
  first: { type: "string", default: "10" },
  json: { type: "boolean", default: false },
  model: { type: "string" },
} as const;

/** The place of a missing end on the command line. */
const MISSING = "?";

/**
 * @returns the exit status
 * @throws GroundwireError, or a TypeError of `parseArgs`, for arguments that are wrong.
 */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [subject, object] = positionals;
  const first = Number(values.first);
  if (positionals.length !== 2 || !subject || !object)
    throw bad(`relations takes a subject and an object, has ${positionals.length} arguments\n${usage}`);
  if (!Number.isInteger(first) || first < 1)
    throw bad(`--first must be a whole number of at least 1, is ${values.first}`);
  const lines = await withRelations(values.model, async (services) => {
    const asked = { subject, object, first };
    if (values.predicate !== undefined)
      return show(await complete({ ...asked, predicate: values.predicate }, services), values.json, showHit);
    return show(await infer({ ...asked, image: values.image }, services), values.json, showPredicate);
  });
  console.log(lines);
  return 0;
}

interface Pair {
  subject: string;
  object: string;
  first: number;
}

async function infer(
  { subject, object, first, image }: Pair & { image: string | undefined },
  { encoder, visual, relations }: RelationalServices,
): Promise<RankedPredicate[]> {
  const encoded = await encodeTexts(encoder, { subject, object });
  const [left, right] = encoded.map(({ vector }) => vector) as [Float32Array, Float32Array];
  const pair = { subject: left, object: right };
  const scores = image
    ? await scoreInPhoto(pair, (await encodePhoto(visual, image)).grid, relations)
    : ((await relations.score([pair], "words"))[0] as Float32Array);
  return rankPredicates({ subject, object, scores }, first, relations);
}

async function complete(
  { subject, object, first, predicate }: Pair & { predicate: string },
  { encoder, relations }: RelationalServices,
) {
  if ((subject === MISSING) === (object === MISSING))
    throw bad(`--predicate needs ${MISSING} in place of either the subject or the object`);
  const missing = subject === MISSING ? "subject" : "object";
  const text = missing === "subject" ? object : subject;
  const [known] = await encodeTexts(encoder, { [missing === "subject" ? "object" : "subject"]: text });
  const query = {
    known: (known as { vector: Float32Array }).vector,
    missing,
    predicate: relations.findPredicate(predicate),
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

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}
