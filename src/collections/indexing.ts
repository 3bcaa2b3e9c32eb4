import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, extname, relative, sep } from "node:path";
import { GroundwireError, isGroundwireError, type ErrorCode } from "../errors.js";
import { PICTURE_LIMITS } from "../pictures/decode.js";
import { checkItemId, PERMANENT } from "./checks.js";
import type { Collections, Upserted } from "./collections.js";
import { readLines } from "./lines.js";
import type { CollectionInfo, StoredItem } from "./vector-store.js";
import { walk } from "./walk.js";

export interface IndexOptions {
  collections: Collections;
  /** Id of the collection; it is made where it does not exist. */
  collection: string;
  /** A folder of pictures, searched with its subfolders and links; a picture; or a file with a text a line. */
  path: string;
  /** Most texts that may wait for the encoder: the batches under way hold no more. @default no limit */
  maxQueue?: number;
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
  /** Of those stored: texts longer than the model reads, whose vectors are of their beginnings. */
  truncated: number;
  /** What could not be indexed, and why. */
  failures: IndexFailure[];
}

export interface IndexFailure {
  id: string;
  reason: string;
  /** It is the file or the text itself that is wrong; all else may pass, as an overload does. */
  permanent: boolean;
}

interface Task {
  id: string;
  /** The collection's item of this id is this very content. */
  isKept: (item: StoredItem) => boolean;
}

interface Plan<T extends Task> {
  tasks: AsyncIterable<T> | Iterable<T>;
  total: number | undefined;
  /** What is known to fail before anything is encoded. */
  failures: IndexFailure[];
  batch: number;
  /** Batches under way at once. */
  parallel: number;
  /** Codes of what is wrong with an item itself. */
  permanent: readonly ErrorCode[];
  /** One result a task. */
  store: (tasks: T[]) => Promise<(Upserted | GroundwireError)[]>;
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
/** Bytes in which a file that is no text shows a zero. */
const START = 4096;

/**
 * Brings a folder of pictures, one picture or a file of texts into a collection. What cannot be read is reported and
 * not fatal; what is in the collection already is passed over, so that an interrupted call goes on where it was.
 * @throws GroundwireError BAD_USER_INPUT where the path cannot be read or the collection is of another kind,
 * MODEL_MISMATCH where it is of another model.
 */
export async function indexPath(options: IndexOptions): Promise<IndexReport> {
  const { collections, collection, path } = options;
  const found = await stat(path).catch((cause: unknown) => {
    throw badPath(path, "must be a folder or a file", cause);
  });
  const kind = found.isDirectory() || isPicture(path) ? "IMAGES" : "TEXTS";
  const exists = (await collections.find(collection)) !== undefined;
  // Before a large folder is searched in vain.
  if (exists) await collections.usable(collection, kind);
  const pictures = kind === "IMAGES" ? await findPictures(path, found.isDirectory()) : undefined;
  // What is no file, such as a pipe, can be read only once.
  if (kind === "TEXTS" && found.isFile()) await requireText(path);
  // Last, so that a path that is refused leaves no collection behind.
  if (!exists) await collections.create(collection, kind);
  const info = await collections.usable(collection, kind);
  const kept = options.force ? new Map<string, StoredItem>() : await readAll(collections, info);
  return pictures
    ? execute(planPictures(pictures, options), kept, options)
    : execute(planTexts(options), kept, options);
}

async function execute<T extends Task>(
  plan: Plan<T>,
  kept: Map<string, StoredItem>,
  { onProgress, signal }: IndexOptions,
): Promise<IndexReport> {
  const { total, failures } = plan;
  const report: IndexReport = {
    stored: 0,
    truncated: 0,
    skipped: 0,
    failed: failures.length,
    total,
    failures,
  };
  const batches = toBatches(plan, kept, () => (report.skipped += 1));

  async function work(): Promise<void> {
    while (!signal?.aborted) {
      const { value, done } = await batches.next();
      if (done) return;
      const results = await plan.store(value);
      results.forEach((result, i) => note(report, (value[i] as T).id, result, plan.permanent));
      onProgress?.(report);
    }
  }

  await Promise.all(Array.from({ length: plan.parallel }, work));
  onProgress?.(report);
  return report;
}

function note(
  report: IndexReport,
  id: string,
  result: Upserted | GroundwireError,
  permanent: readonly ErrorCode[],
): void {
  if (!isGroundwireError(result)) {
    report.stored += 1;
    if (result.truncated) report.truncated += 1;
    return;
  }
  report.failed += 1;
  report.failures.push({ id, reason: reasonOf(result), permanent: permanent.includes(result.code) });
}

/** The file's name says more than its place in a batch, and an INTERNAL error's cause is for the operator to read. */
function reasonOf({ code, message, cause }: GroundwireError): string {
  if (code === "INTERNAL" && cause instanceof Error) return cause.message;
  return message.replace(/^items\[\d+\](\.\w+)? /, "");
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

interface Pictures {
  files: { id: string; file: string }[];
  failures: IndexFailure[];
}

async function findPictures(path: string, isFolder: boolean): Promise<Pictures> {
  const { files, failures } = isFolder ? await walkFolder(path) : { files: [path], failures: [] };
  const root = isFolder ? path : dirname(path);
  const idOf = (file: string): string => relative(root, file).split(sep).join("/");
  const pictures: Pictures = {
    files: [],
    failures: failures.map(({ path, reason }) => fail(idOf(path), `cannot be read: ${reason}`)),
  };
  for (const file of files) {
    const id = idOf(file);
    const fault = findFault(id);
    if (fault === undefined) pictures.files.push({ id, file });
    else pictures.failures.push(fail(id, fault));
  }
  return pictures;
}

function walkFolder(path: string): ReturnType<typeof walk> {
  return walk(path, { accepts: isPicture }).catch((cause: unknown) => {
    throw badPath(path, "must be a readable folder", cause);
  });
}

function isPicture(path: string): boolean {
  return PICTURES.has(extname(path).toLowerCase());
}

function fail(id: string, reason: string): IndexFailure {
  return { id, reason, permanent: true };
}

function planPictures(
  { files, failures }: Pictures,
  { collections, collection }: IndexOptions,
): Plan<PictureTask> {
  async function* tasks(): AsyncGenerator<PictureTask> {
    for (const { id, file } of files) {
      const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }));
      const version = `${size} ${mtimeMs}`;
      const isKept = ({ metadata }: StoredItem): boolean =>
        metadata.some(({ key, value }) => key === FILE_VERSION && value === version);
      yield { id, file, version, bytes: size, isKept };
    }
  }
  function store(batch: PictureTask[]): Promise<(Upserted | GroundwireError)[]> {
    const items = batch.map((task) => ({
      id: task.id,
      image: () => readPicture(task),
      metadata: [{ key: FILE_VERSION, value: task.version }],
    }));
    return collections.upsertImages(collection, items, { timeoutMs: TIMEOUT_MS });
  }
  return {
    tasks: tasks(),
    total: files.length + failures.length,
    failures: [...failures],
    batch: PICTURE_BATCH,
    parallel: BATCHES,
    permanent: PERMANENT.IMAGES,
    store,
  };
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

function planTexts({ collections, collection, path, maxQueue = Infinity }: IndexOptions): Plan<TextTask> {
  async function* tasks(): AsyncGenerator<TextTask> {
    for await (const line of readLines(createReadStream(path))) {
      const text = line.trim();
      if (text !== "") yield { id: textId(text), text, isKept: (item) => item.text === text };
    }
  }
  const parallel = Math.min(BATCHES, maxQueue);
  return {
    tasks: tasks(),
    total: undefined,
    failures: [],
    batch: Math.min(TEXT_BATCH, Math.floor(maxQueue / parallel)),
    parallel,
    permanent: PERMANENT.TEXTS,
    store: (batch) => collections.upsertTexts(collection, batch, { timeoutMs: TIMEOUT_MS }),
  };
}

/** A text is its own id, so that a line that comes twice is one item; one that is no valid id goes by its hash. */
function textId(text: string): string {
  if (findFault(text) === undefined) return text;
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** What is wrong with an item's id. */
function findFault(id: string): string | undefined {
  try {
    checkItemId(id, "path");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A picture of another format, or a text in UTF-16, would become a collection of nonsense. */
async function requireText(path: string): Promise<void> {
  let start: Buffer;
  try {
    start = Buffer.concat((await createReadStream(path, { end: START - 1 }).toArray()) as Buffer[]);
  } catch (cause) {
    throw badPath(path, "must be a readable file", cause);
  }
  if (start.includes(0))
    throw badPath(path, `must be a folder, a picture (${[...PICTURES].join(", ")}) or a text in UTF-8`);
}

function badPath(path: string, rule: string, cause?: unknown): GroundwireError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new GroundwireError("BAD_USER_INPUT", `path ${rule}, is ${JSON.stringify(path)}${reason}`, {
    cause,
  });
}

async function readAll(collections: Collections, info: CollectionInfo): Promise<Map<string, StoredItem>> {
  const all = new Map<string, StoredItem>();
  for (let after: string | undefined; ;) {
    const items = await collections.page(info, { limit: PAGE, after, timeoutMs: TIMEOUT_MS });
    for (const item of items) all.set(item.id, item);
    if (items.length < PAGE) return all;
    after = items.at(-1)?.id;
  }
}
