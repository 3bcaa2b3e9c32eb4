import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { GroundwireError } from "../errors.js";
import type { GraphFile } from "../inference/graph.js";
import { parseAxes, type AxesFile } from "./axes-file.js";
import { BundleError, FORMAT_VERSION, parseManifest, type FileEntry, type Manifest } from "./manifest.js";
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

/** A bundle of which no more than the manifest has been read. */
export interface BundleFiles {
  directory: string;
  manifest: Manifest;
}

export interface Bundle extends BundleFiles {
  lexicon: LexiconFile;
  /** [N, 2] row-major: where each lexicon entry lies on a flat map. */
  map: Float32Array;
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
 * @param nameOrPath a name below models/, or a path: what holds a slash or starts with a dot.
 * @default the name in models/default
 */
export function resolveBundleDirectory(nameOrPath?: string): string {
  const wanted = nameOrPath ?? readDefaultName();
  return /^\.|[\\/]/.test(wanted) ? resolve(wanted) : join(modelsFolder, wanted);
}

/** Whether the bundle's stage of training made this file. */
export function hasFile({ manifest }: BundleFiles, file: string): boolean {
  return Object.hasOwn(manifest.files, file);
}

/** A graph of the bundle with its hash, for the workers that run it. */
export function graphFile({ directory, manifest }: BundleFiles, file: string): GraphFile {
  return { path: join(directory, file), sha256: manifest.files[file]?.sha256 ?? "" };
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

/** @throws BundleError where there is no manifest, or a wrong one. */
export async function openBundle(directory: string): Promise<BundleFiles> {
  const content = await readBundleFile(directory, "manifest.json");
  return { directory, manifest: parseManifest(content.toString("utf8")) };
}

/**
 * Reads a bundle whole, after checking every file's presence, size and hash.
 * @throws BundleError naming the first file that breaks a rule.
 */
export async function loadBundle(directory: string): Promise<Bundle> {
  return readFiles(await openBundle(directory));
}

/** As `loadBundle`, of one that is open. */
export async function readFiles({ directory, manifest }: BundleFiles): Promise<Bundle> {
  await refuseForeignFiles(directory, manifest);
  const files = new Map<string, Buffer>();
  for (const [name, entry] of Object.entries(manifest.files)) {
    files.set(name, await readChecked(directory, name, entry));
  }
  return { directory, manifest, ...parseFiles(files, manifest.dimension) };
}

type Files = ReadonlyMap<string, Buffer>;

function parseFiles(files: Files, dimension: number): Omit<Bundle, "directory" | "manifest"> {
  const lexicon = parseLexicon(contentOf(files, "lexicon.txt"), contentOf(files, "lexicon.vec"), dimension);
  return {
    lexicon,
    map: parseMap(contentOf(files, "map.bin"), lexicon.entries.length),
    axes: parseJson("axes.json", files, (value) => parseAxes(value, dimension)),
    golden: parseJson("golden.json", files, (value) => parseGolden(value, dimension)),
    tokenizer: parseJson("tokenizer.json", files, (value) => value as object),
    relations: files.has("relations.bin") ? readRelations(files) : undefined,
  };
}

function readRelations(files: Files): RelationsFile {
  return parseRelations({
    predicates: parseJson("predicates.json", files, (value) => value),
    operators: contentOf(files, "relations.bin"),
    triples: contentOf(files, "triples.tsv.gz"),
  });
}

function contentOf(files: Files, name: string): Buffer {
  const content = files.get(name);
  if (!content) throw new BundleError("manifest.json", `files must list ${name}`);
  return content;
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
    if (name !== "manifest.json" && !Object.hasOwn(manifest.files, name)) {
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

function parseJson<T>(name: string, files: Files, parse: (value: unknown) => T): T {
  try {
    return parse(JSON.parse(contentOf(files, name).toString("utf8")));
  } catch (cause) {
    if (cause instanceof BundleError) throw cause;
    // A level of the file's structure that is missing ends here as a TypeError.
    throw new BundleError(name, `must have the layout of format ${FORMAT_VERSION}: ${String(cause)}`, {
      cause,
    });
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

function parseMap(content: Buffer, count: number): Float32Array {
  if (content.length !== count * 8) {
    const rule = `must hold 2 float32 for each of ${count} lexicon entries (${count * 8} bytes), has ${content.length}`;
    throw new BundleError("map.bin", rule);
  }
  return new Float32Array(new Uint8Array(content).buffer);
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
