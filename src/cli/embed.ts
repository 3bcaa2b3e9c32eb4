import { once } from "node:events";
import { parseArgs } from "node:util";
import { readLines } from "../collections/lines.js";
import { isGroundwireError } from "../errors.js";
import { encodeVector } from "../graphql/scalars/vector.scalar.js";
import type { Encoder } from "../inference/encoder.js";
import { normalize } from "../vectors.js";
import { withServices } from "./with-services.js";

export const summary = "vectors for texts from standard input, as JSON lines";

export const usage = `groundwire embed [--base64] [--raw] [--model BUNDLE] < TEXTS > VECTORS.jsonl

Reads a text a line, or JSON lines: strings, or objects with a "text", whose other fields are kept. Writes for each
line, in order, its text with "vector", "norm", "tokenCount" and "truncated", or with an "error".

  --base64         vectors as base64 of little-endian float32 values
  --raw            do not scale vectors to length 1
  --model BUNDLE   name below models/, or a path`;

export const exits = { 1: "failed, or some texts had an error; standard error says which" };

const OPTIONS = {
  base64: { type: "boolean", default: false },
  raw: { type: "boolean", default: false },
  model: { type: "string" },
} as const;

/** Lines encoded in one call, of which all may have to wait: enough to fill batches, few enough to answer a slow writer soon. */
const MOST_LINES = 256;

interface Item {
  fields: Record<string, unknown>;
  text: string;
  /** Its line, from 1. */
  line: number;
}

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const shape = (vector: Float32Array): string | number[] => {
    const scaled = values.raw ? vector : normalize(vector);
    return values.base64 ? encodeVector(scaled) : Array.from(scaled);
  };
  const failed = await withServices(values.model, ({ encoder }, { maxQueue }) =>
    embedInput(encoder, Math.min(MOST_LINES, maxQueue), shape),
  );
  if (failed > 0) console.error(`groundwire: ${failed} texts could not be embedded; their lines say why`);
  return failed > 0 ? 1 : 0;
}

async function embedInput(
  encoder: Encoder,
  size: number,
  shape: (vector: Float32Array) => string | number[],
): Promise<number> {
  let failed = 0;
  let chunk = 0;
  for await (const items of chunks(size)) {
    // For a few lines more workers would only have to be waited for.
    if (chunk++ === 1) encoder.grow();
    const texts = items.map(({ text }) => text);
    const results = await encoder.encode(texts, { fields: items.map(({ line }) => `line ${line}`) });
    for (const [i, result] of results.entries()) {
      const fields = items[i]?.fields;
      if (isGroundwireError(result)) {
        failed += 1;
        await write({ ...fields, error: { code: result.code, message: result.message } });
      } else await write({ ...fields, ...result, vector: shape(result.vector) });
    }
  }
  return failed;
}

/** Waits where the reader of our output is slower than we are. */
async function write(value: object): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(value)}\n`)) await once(process.stdout, "drain");
}

async function* chunks(size: number): AsyncGenerator<Item[]> {
  let items: Item[] = [];
  let line = 0;
  for await (const content of readLines(process.stdin)) {
    line += 1;
    items.push(toItem(content, line));
    if (items.length < size) continue;
    yield items;
    items = [];
  }
  if (items.length > 0) yield items;
}

/** A line that is a JSON string, or a JSON object with a text, is read as one; any other is the text itself. */
function toItem(content: string, line: number): Item {
  const value = parseJson(content);
  if (typeof value === "string") return { fields: { text: value }, text: value, line };
  if (typeof value !== "object" || value === null) return { fields: { text: content }, text: content, line };
  // What is no string gets its error where all texts are checked.
  return { fields: value as Record<string, unknown>, text: (value as { text: string }).text, line };
}

function parseJson(content: string): unknown {
  if (!/^\s*["{]/.test(content)) return undefined;
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
