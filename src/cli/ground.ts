import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { groundText, type TextGrounding, type WordMap } from "../grounding/ground-text.js";
import { renderOverlay } from "../grounding/overlay.js";
import type { Encoded } from "../inference/encoder.js";
import { UsageError } from "./command.js";
import { encodePhoto, encodeTexts, withRelations } from "./with-relations.js";

export const summary = "where in a photo the words of a text are";

export const usage = `groundwire ground PHOTO TEXT [-o OUT.png] [--json] [--model BUNDLE]

Prints how well each word fits the photo, and the box where it fits best.

  -o, --output OUT.png   also the photo with every word's map over it
  --json                 one JSON object, with the maps' values
  --model BUNDLE         name below models/, or a path`;

const OPTIONS = {
  output: { type: "string", short: "o" },
  json: { type: "boolean", default: false },
  model: { type: "string" },
} as const;

export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [path, text] = positionals;
  if (positionals.length !== 2 || !path || !text)
    throw new UsageError(`ground takes a photo and a text, has ${positionals.length} arguments`);
  const found = await withRelations(values.model, async ({ visual, encoder, relations }) => {
    const photo = await encodePhoto(visual, path);
    const [tokens] = await encodeTexts(encoder, { text }, "tokens");
    const grounding = await groundText(text, photo.grid, tokens as Encoded, { encoder, relations });
    if (values.output)
      await writeFile(values.output, await renderOverlay(photo.bytes, grounding.words, grounding.side));
    return grounding;
  });
  console.log(values.json ? toJson(found) : toTable(found));
  if (values.output) console.error(`wrote ${values.output}`);
}

function toJson({ words, ...rest }: TextGrounding): string {
  return JSON.stringify({ ...rest, words: words.map((word) => ({ ...word, values: [...word.values] })) });
}

function toTable({ score, words, truncated }: TextGrounding): string {
  const lines = words.map(
    (word) => `${word.text.padEnd(20)}${word.score.toFixed(2).padStart(9)}  ${showBox(word)}`,
  );
  const notes = truncated ? ["the text is longer than the model reads; words beyond have no map"] : [];
  return [`score ${score.toFixed(3)}`, ...lines, ...notes].join("\n");
}

function showBox({ box }: WordMap): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return `x ${percent(box.x)}, y ${percent(box.y)}, ${percent(box.width)} x ${percent(box.height)}`;
}
