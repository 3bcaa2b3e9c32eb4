import { parseArgs } from "node:util";
import { ownEntries } from "../composition/composition.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import { checkWhole } from "../inference/tokenizer.js";
import type { SearchHit } from "../lexicon/search.js";
import type { Services } from "../services.js";
import { parseFirst, UsageError } from "./command.js";
import { withServices } from "./with-services.js";

export const summary = "the words and phrases nearest to a text";

export const usage = `groundwire neighbors TEXT [--first 10] [--include-self] [--json] [--model BUNDLE]

  --first N        how many, at least 1
  --include-self   do not leave out the text and its words
  --json           one JSON object a line: text, similarity, rank
  --model BUNDLE   name below models/, or a path`;

const OPTIONS = {
  first: { type: "string", default: "10" },
  "include-self": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  model: { type: "string" },
} as const;

export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [text, ...rest] = positionals;
  if (text === undefined || rest.length > 0)
    throw new UsageError(`neighbors takes one text, has ${positionals.length}; put quotes around a phrase`);
  const first = parseFirst(values.first);
  const exclude = values["include-self"] ? [] : ownEntries([text]);
  const hits = await withServices(values.model, (services) => find(text, first, exclude, services));
  for (const { text, similarity, rank } of hits)
    console.log(values.json ? JSON.stringify({ text, similarity, rank }) : line(text, similarity));
}

async function find(
  text: string,
  k: number,
  exclude: string[],
  { bundle, encoder, lexicon }: Services,
): Promise<SearchHit[]> {
  const [encoded] = await encoder.encode([text], { fields: ["TEXT"] });
  if (!encoded || isGroundwireError(encoded)) throw encoded ?? bad("TEXT has no vector");
  checkWhole(encoded, "TEXT", bundle.manifest.maxTokens);
  const [result] = await lexicon.search([{ vector: encoded.vector, k, filter: { exclude } }]);
  if (!result || isGroundwireError(result)) throw result ?? bad("TEXT has no neighbors");
  return result.hits;
}

function line(text: string, similarity: number): string {
  return `${similarity.toFixed(4)}  ${text}`;
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}
