import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { GroundwireError } from "../errors.js";
import { parseAxes, type AxesFile } from "./axes-file.js";
import { BundleError, parseManifest, type FileEntry, type Manifest } from "./manifest.js";
import { parseRelations, type RelationsFile } from "./relations-file.js";

export { BundleError, type Manifest } from "./manifest.js";

export interface LexiconFile {
  /** Words and phrases by descending frequency. */
  entries: readonly string[];
  /** [N, D] row-major; the raw vector of entry i is row i times scale i. */
  rows: Int8Array;
  scales: Float32Array;
}

export interface GoldenItem {
  text: string;
  ids: number[];
  /** PyTorch's float32 vector, pooled and not normalised. */
  vector: number[];
  tokenCount: number;
  truncated: boolean;
}

export interface Bundle {
  directory: string;
  manifest: Manifest;
  lexicon: LexiconFile;
  axes: AxesFile;
  golden: { items: GoldenItem[] };
  /** tokenizer.json, parsed. */
  tokenizer: object;
  /** Undefined for a bundle that knows words alone. */
  relations: RelationsFile | undefined;
}

const modelsFolder = fileURLToPath(new URL("../../models/", import.meta.url));

/**
 * The folder of a bundle.
 * @param nameOrPath a name below models/, or a path (absolute, or starting with a dot).
 * @default the name in models/default
 */
export function resolveBundleDirectory(nameOrPath?: string): string {
  const wanted = nameOrPath ?? readDefaultName();
  return isAbsolute(wanted) || wanted.startsWith(".") ? resolve(wanted) : join(modelsFolder, wanted);
}

/** Whether the bundle's stage of training made this file. */
export function hasFile({ manifest }: Bundle, file: string): boolean {
  return file in manifest.files;
}

/**
 * @param feature what needs the file, as a caller knows it
 * @throws GroundwireError BAD_USER_INPUT naming the bundle, its stage and the file that it lacks.
 */
export function requireFile(bundle: Bundle, file: string, feature: string): void {
  if (hasFile(bundle, file)) return;
  const { name, stage } = bundle.manifest;
  const message = `${feature} needs a bundle with ${file}; the bundle ${name} of stage ${stage} has none`;
  throw new GroundwireError("BAD_USER_INPUT", message);
}

/**
 * Reads a bundle whole, after checking every file's presence, size and hash.
 * @throws BundleError naming the first file that breaks a rule.
 */
export async function loadBundle(directory: string): Promise<Bundle> {
  const manifest = parseManifest((await readBundleFile(directory, "manifest.json")).toString("utf8"));
  await refuseForeignFiles(directory, manifest);
  const files = new Map<string, Buffer>();
  for (const [name, entry] of Object.entries(manifest.files)) {
    files.set(name, await readChecked(directory, name, entry));
  }
  const content = (name: string): Buffer => files.get(name) as Buffer;
  return {
    directory,
    manifest,
    lexicon: parseLexicon(content("lexicon.txt"), content("lexicon.vec"), manifest.dimension),
    axes: parseAxes(parseJson("axes.json", content("axes.json")), manifest.dimension),
    golden: parseGolden(parseJson("golden.json", content("golden.json")), manifest.dimension),
    tokenizer: parseJson("tokenizer.json", content("tokenizer.json")) as object,
    relations: files.has("relations.bin") ? readRelations(content) : undefined,
  };
}

function readRelations(content: (name: string) => Buffer): RelationsFile {
  return parseRelations({
    predicates: parseJson("predicates.json", content("predicates.json")),
    operators: content("relations.bin"),
    triples: content("triples.tsv.gz"),
  });
}

function readDefaultName(): string {
  try {
    return readFileSync(join(modelsFolder, "default"), "utf8").trim();
  } catch (cause) {
    throw new BundleError("models/default", "must name the bundle to serve, but cannot be read", { cause });
  }
}

async function readBundleFile(directory: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(directory, name));
  } catch (cause) {
    throw new BundleError(name, `cannot be read in ${directory}`, { cause });
  }
}

async function refuseForeignFiles(directory: string, manifest: Manifest): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== "manifest.json" && !(name in manifest.files)) {
      throw new BundleError(name, "is not listed in manifest.json and does not belong to this bundle");
    }
  }
}

async function readChecked(directory: string, name: string, entry: FileEntry): Promise<Buffer> {
  const content = await readBundleFile(directory, name);
  if (content.length !== entry.bytes) {
    throw new BundleError(name, `must have ${entry.bytes} bytes, has ${content.length}`);
  }
  if (createHash("sha256").update(content).digest("hex") !== entry.sha256) {
    throw new BundleError(name, "was altered: its sha256 differs from the manifest's");
  }
  return content;
}

function parseJson(name: string, content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch (cause) {
    throw new BundleError(name, "must be JSON", { cause });
  }
}

function parseLexicon(text: Buffer, vectors: Buffer, dimension: number): LexiconFile {
  const entries = text.toString("utf8").replace(/\n$/, "").split("\n");
  const expected = entries.length * (dimension + 4);
  if (vectors.length !== expected) {
    const rule = `must hold ${entries.length} rows of ${dimension} int8 and their scales (${expected} bytes), has ${vectors.length}`;
    throw new BundleError("lexicon.vec", rule);
  }
  // Copied, because a Buffer's offset need not be a multiple of four.
  const bytes = new Uint8Array(vectors).buffer;
  const cells = entries.length * dimension;
  return { entries, rows: new Int8Array(bytes, 0, cells), scales: new Float32Array(bytes.slice(cells)) };
}

function parseGolden(value: unknown, dimension: number): { items: GoldenItem[] } {
  const { items } = value as { items?: GoldenItem[] };
  if (!Array.isArray(items) || items.length === 0)
    throw new BundleError("golden.json", "items must be a non-empty list");
  const wrong = items.find((item) => item.vector.length !== dimension);
  if (wrong) {
    throw new BundleError(
      "golden.json",
      `vectors must have ${dimension} values, ${JSON.stringify(wrong.text)} has ${wrong.vector.length}`,
    );
  }
  return { items };
}
