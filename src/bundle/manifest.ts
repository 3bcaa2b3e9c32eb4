import { createHash } from "node:crypto";

/** The only manifest layout that this gateway reads. */
export const FORMAT_VERSION = 1;

export interface FileEntry {
  bytes: number;
  sha256: string;
}

export interface Manifest {
  formatVersion: number;
  name: string;
  stage: "base" | "grounded" | "relational";
  /** Width D of every vector. */
  dimension: number;
  /** Longest input in tokens, [CLS] and [SEP] included. */
  maxTokens: number;
  pooling: string;
  tokenTypeId: number;
  /** Every file of the bundle but the manifest itself. */
  files: Record<string, FileEntry>;
  training: Record<string, unknown>;
  metrics: Record<string, unknown>;
  /** Hash over all weights: vectors of different fingerprints never mix. */
  fingerprint: string;
  /** Settings that onnxruntime needs for the graphs. */
  session?: { configEntries?: Record<string, string> };
  checksum: string;
}

/**
 * A bundle that must not be served. The message names the file and the rule that it breaks.
 */
export class BundleError extends Error {
  override readonly name = "BundleError";
  readonly file: string;
  readonly rule: string;

  constructor(file: string, rule: string, options?: ErrorOptions) {
    super(`${file}: ${rule}`, options);
    this.file = file;
    this.rule = rule;
  }
}

const FILE = "manifest.json";

/** Files without which no words can be served. */
export const REQUIRED_FILES = [
  "tokenizer.json",
  "language.onnx",
  "lexicon.txt",
  "lexicon.vec",
  "axes.json",
  "map.bin",
  "golden.json",
  "MODEL_CARD.md",
] as const;

/** What relating and grounding objects takes: all of these or none. */
const RELATION_FILES = [
  "relations.onnx",
  "relations.bin",
  "predicates.json",
  "triples.tsv.gz",
  "grounding.onnx",
] as const;

/** What a bundle of stage `relational` has beside the required files. */
export const RELATIONAL_FILES = [...RELATION_FILES, "visual.onnx", "retrieval.onnx"] as const;

/**
 * Reads and checks a manifest.
 * @param text exact content of manifest.json; its checksum is taken over these bytes.
 * @throws BundleError naming the field, the rule and the value.
 */
export function parseManifest(text: string): Manifest {
  const manifest = parseJson(text) as Partial<Manifest>;
  check(manifest !== null && typeof manifest === "object", "must hold a JSON object");
  const { formatVersion } = manifest;
  check(
    formatVersion === FORMAT_VERSION,
    `formatVersion must be ${FORMAT_VERSION}, is ${show(formatVersion)}`,
  );
  checkChecksum(text, manifest.checksum);
  check(typeof manifest.name === "string" && manifest.name !== "", "name must be a non-empty string");
  const { stage } = manifest;
  check(isStage(stage), `stage must be base, grounded or relational, is ${show(stage)}`);
  checkInteger("dimension", manifest.dimension, 1);
  checkInteger("maxTokens", manifest.maxTokens, 3);
  checkInteger("tokenTypeId", manifest.tokenTypeId, 0);
  check(typeof manifest.pooling === "string", `pooling must be a string, is ${show(manifest.pooling)}`);
  check(isSha256(manifest.fingerprint), "fingerprint must be 64 hexadecimal digits");
  checkFiles(manifest.files);
  checkStageFiles(manifest.files, stage);
  checkSession(manifest.session);
  return manifest as Manifest;
}

/** The checksum is over the file's own bytes, with its 64 digits replaced by zeros. */
function checkChecksum(text: string, checksum: unknown): void {
  check(isSha256(checksum), "checksum must be 64 hexadecimal digits");
  const zeroed = text.replace(`"checksum": "${checksum}"`, `"checksum": "${"0".repeat(64)}"`);
  const actual = createHash("sha256").update(zeroed, "utf8").digest("hex");
  check(actual === checksum, "the file was altered: its checksum does not match its content");
}

function checkStageFiles(files: Record<string, FileEntry>, stage: Manifest["stage"]): void {
  if (stage === "relational") {
    for (const name of RELATIONAL_FILES) check(name in files, `files must list ${name} in stage relational`);
  }
  const listed = RELATION_FILES.filter((name) => name in files);
  const missing = RELATION_FILES.find((name) => !(name in files));
  check(
    listed.length === 0 || missing === undefined,
    `files must list ${missing}, because they list ${listed[0]}`,
  );
}

function checkFiles(files: unknown): asserts files is Record<string, FileEntry> {
  check(typeof files === "object" && files !== null, "files must map names to bytes and sha256");
  for (const [name, entry] of Object.entries(files as Record<string, Partial<FileEntry> | null>)) {
    check(/^\w[\w.-]*$/.test(name), `files: ${show(name)} must be a plain file name`);
    check(isSha256(entry?.sha256), `files: ${name}.sha256 must be 64 hexadecimal digits`);
    checkInteger(`files: ${name}.bytes`, entry?.bytes, 0);
  }
  for (const name of REQUIRED_FILES) check(Object.hasOwn(files, name), `files must list ${name}`);
}

function checkSession(session: Manifest["session"]): void {
  for (const [key, value] of Object.entries(session?.configEntries ?? {})) {
    const isEntry = /^[^.]+\.[^.]+$/.test(key) && typeof value === "string";
    check(isEntry, `session.configEntries: ${show(key)} must be a key with one dot, and its value a string`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BundleError(FILE, "must be JSON", { cause });
  }
}

function isStage(stage: unknown): stage is Manifest["stage"] {
  return stage === "base" || stage === "grounded" || stage === "relational";
}

function isSha256(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function checkInteger(field: string, value: unknown, least: number): void {
  check(
    Number.isSafeInteger(value) && (value as number) >= least,
    `${field} must be an integer >= ${least}, is ${show(value)}`,
  );
}

function check(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new BundleError(FILE, rule);
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
