import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { createInterface } from "node:readline";
import { GroundwireError, isGroundwireError } from "../errors.js";
import { PICTURE_LIMITS } from "../pictures/decode.js";
import type { Collections } from "./collections.js";
import type { CollectionInfo, StoredItem } from "./vector-store.js";

export interface IndexOptions {
  collections: Collections;
  /** Id of the collection; it is made where it does not exist. */
  collection: string;
  /** A folder of pictures, searched with its subfolders, or a file with a text a line. */
  path: string;
  /** Encode also what the collection has already. @default false */
  force?: boolean;
  /** Told after every batch. */
  onProgress?: (progress: IndexProgress) => void;
  /** Ends the work after the batches under way; the same call goes on from there. */
  signal?: AbortSignal;
}

export interface IndexProgress {
  stored: number;
  /** In the collection already, and unchanged. */
  skipped: number;
  failed: number;
  /** All there are; undefined for a file of texts, which is read as it is indexed. */
  total: number | undefined;
}

export interface IndexReport extends IndexProgress {
  /** What could not be indexed, and why. */
  failures: { id: string; reason: string }[];
}

interface Task {
  id: string;
  /** The collection's item of this id is this very content. */
  isKept: (item: StoredItem) => boolean;
}

interface Plan<T extends Task> {
  tasks: AsyncIterable<T> | Iterable<T>;
  total: number | undefined;
  batch: number;
  /** One result a task: its id, or why not. */
  store: (tasks: T[]) => Promise<(string | GroundwireError)[]>;
}

const PICTURES = new Set([".jpg", ".jpeg", ".png", ".webp"]);
/** Metadata key under which a file's size and time are kept, so that an unchanged file is known. */
const FILE_VERSION = "file.version";
const PICTURE_BATCH = 32;
const TEXT_BATCH = 256;
/** Batches under way at once: while one is written, the next is decoded. */
const BATCHES = 2;
/** Nobody waits in front of a batch, however loaded the machine is. */
const TIMEOUT_MS = 600_000;
const PAGE = 10_000;
const MAX_ID = 512;

/**
 * Brings a folder of pictures or a file of texts into a collection. What cannot be read is reported and not fatal;
 * what is in the collection already is passed over, so that an interrupted call goes on where it was.
 * @throws GroundwireError BAD_USER_INPUT where the path cannot be read or the collection is of another kind,
 * MODEL_MISMATCH where it is of another model.
 */
export async function indexPath(options: IndexOptions): Promise<IndexReport> {
  const { collections, collection, path } = options;
  const found = await stat(path).catch((cause: unknown) => {
    throw new GroundwireError(
      "BAD_USER_INPUT",
      `path must be a folder or a file, is ${JSON.stringify(path)}`,
      { cause },
    );
  });
  const kind = found.isDirectory() ? "IMAGES" : "TEXTS";
  if (!(await collections.find(collection))) await collections.create(collection, kind);
  const info = await collections.usable(collection, kind);
  const kept = options.force ? new Map<string, StoredItem>() : await readAll(collections, info);
  return found.isDirectory()
    ? execute(await planPictures(options), kept, options)
    : execute(planTexts(options), kept, options);
}

async function execute<T extends Task>(
  plan: Plan<T>,
  kept: Map<string, StoredItem>,
  { onProgress, signal }: IndexOptions,
): Promise<IndexReport> {
  const report: IndexReport = { stored: 0, skipped: 0, failed: 0, total: plan.total, failures: [] };
  const batches = toBatches(plan, kept, () => (report.skipped += 1));

  async function work(): Promise<void> {
    while (!signal?.aborted) {
      const { value, done } = await batches.next();
      if (done) return;
      const results = await plan.store(value);
      results.forEach((result, i) => note(report, (value[i] as T).id, result));
      onProgress?.(report);
    }
  }

  await Promise.all(Array.from({ length: BATCHES }, work));
  onProgress?.(report);
  return report;
}

function note(report: IndexReport, id: string, result: string | GroundwireError): void {
  if (!isGroundwireError(result)) {
    report.stored += 1;
    return;
  }
  report.failed += 1;
  // The file's name says more than its place in a batch.
  report.failures.push({ id, reason: result.message.replace(/^items\[\d+\](\.\w+)? /, "") });
}

async function* toBatches<T extends Task>(
  plan: Plan<T>,
  kept: Map<string, StoredItem>,
  onSkip: () => void,
): AsyncGenerator<T[], undefined> {
  let batch: T[] = [];
  for await (const task of plan.tasks) {
    const item = kept.get(task.id);
    if (item && task.isKept(item)) {
      onSkip();
      continue;
    }
    batch.push(task);
    if (batch.length < plan.batch) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
  return undefined;
}

interface PictureTask extends Task {
  file: string;
  version: string;
  bytes: number;
}

async function planPictures({ collections, collection, path }: IndexOptions): Promise<Plan<PictureTask>> {
  const files = await listPictures(path);
  async function* tasks(): AsyncGenerator<PictureTask> {
    for (const file of files) {
      const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }));
      const version = `${size} ${mtimeMs}`;
      const isKept = ({ metadata }: StoredItem): boolean =>
        metadata.some(({ key, value }) => key === FILE_VERSION && value === version);
      yield { id: relative(path, file).split(sep).join("/"), file, version, bytes: size, isKept };
    }
  }
  function store(batch: PictureTask[]): Promise<(string | GroundwireError)[]> {
    const items = batch.map((task) => ({
      id: task.id,
      image: () => readPicture(task),
      metadata: [{ key: FILE_VERSION, value: task.version }],
    }));
    return collections.upsertImages(collection, items, { timeoutMs: TIMEOUT_MS });
  }
  return { tasks: tasks(), total: files.length, batch: PICTURE_BATCH, store };
}

async function listPictures(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && PICTURES.has(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function readPicture({ file, bytes }: PictureTask): Promise<Uint8Array> {
  if (bytes > PICTURE_LIMITS.maxBytes) {
    const message = `must have at most ${PICTURE_LIMITS.maxBytes} bytes, has ${bytes}`;
    throw new GroundwireError("IMAGE_TOO_LARGE", message);
  }
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GroundwireError("IMAGE_UNREADABLE", `must be a readable file: ${reason}`, { cause });
  }
}

interface TextTask extends Task {
  text: string;
}

function planTexts({ collections, collection, path }: IndexOptions): Plan<TextTask> {
  async function* tasks(): AsyncGenerator<TextTask> {
    for await (const line of createInterface({
      input: createReadStream(path, "utf8"),
      crlfDelay: Infinity,
    })) {
      const text = line.trim();
      if (text !== "") yield { id: textId(text), text, isKept: (item) => item.text === text };
    }
  }
  return {
    tasks: tasks(),
    total: undefined,
    batch: TEXT_BATCH,
    store: (batch) => collections.upsertTexts(collection, batch, { timeoutMs: TIMEOUT_MS }),
  };
}

/** A text is its own id, so that a line that comes twice is one item; one that is too long goes by its hash. */
function textId(text: string): string {
  return text.length <= MAX_ID ? text : `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

async function readAll(collections: Collections, info: CollectionInfo): Promise<Map<string, StoredItem>> {
  const all = new Map<string, StoredItem>();
  for (let after: string | undefined; ;) {
    const items = await collections.page(info, { limit: PAGE, after });
    for (const item of items) all.set(item.id, item);
    if (items.length < PAGE) return all;
    after = items.at(-1)?.id;
  }
}
