import { randomBytes } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Connection, Table } from "@lancedb/lancedb";
import { createCompactor, type Compactor } from "./compaction.js";
import { fromTag, quote, toSql, toTag } from "./filters.js";
import { takeNearest } from "./nearest.js";
import { catalogSchema, itemSchema } from "./schemas.js";
import type {
  CollectionInfo,
  ItemFilter,
  ItemHit,
  ItemPage,
  ItemSearch,
  ModelStamp,
  NewItem,
  StoredItem,
  VectorStore,
} from "./vector-store.js";
import { createWriteQueue, type WriteQueue } from "./write-queue.js";

const CATALOG = "catalog";
const ITEMS = "items-";
/** Tables that no collection names are remains of a killed process; younger ones may be another's work. */
const ABANDONED_MS = 24 * 3600_000;

/** Bytes of indexes. Searches go over all vectors, so there are none. */
const INDEX_CACHE = 2n ** 20n;
/** Bytes of what is known of the tables' files. Every write makes it grow, though little of it is asked for again. */
const METADATA_CACHE = 4n * 2n ** 20n;

export interface StoreOptions {
  /** Milliseconds that closing waits for a merge of small files before it gives the merge up. @default no limit */
  mergeGraceMs?: number;
}

interface OpenTable {
  table: Table;
  queue: WriteQueue;
  compactor: Compactor;
}

/**
 * Collections in LanceDB tables below a folder: one table of collections, one table of items for each. Several
 * processes may use the folder at once. Nothing is opened or made before the first use.
 */
export function createEmbeddedStore(folder: string, { mergeGraceMs }: StoreOptions = {}): VectorStore {
  let opening: Promise<Connection> | undefined;
  const tables = new Map<string, Promise<OpenTable>>();

  const connection = (): Promise<Connection> =>
    (opening ??= connect(folder).catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));

  async function catalog(): Promise<Table> {
    const { table } = await open(CATALOG);
    return table;
  }

  function open(place: string): Promise<OpenTable> {
    let opened = tables.get(place);
    if (!opened) {
      opened = connection().then(async (database) => withQueue(await database.openTable(place), folder));
      opened.catch(() => tables.delete(place));
      tables.set(place, opened);
    }
    return opened;
  }

  /** Who only reads makes no folder. */
  async function isEmpty(): Promise<boolean> {
    return !opening && !(await stat(join(folder, `${CATALOG}.lance`)).catch(() => undefined));
  }

  async function list(): Promise<CollectionInfo[]> {
    if (await isEmpty()) return [];
    const rows = (await (await catalog()).query().toArray()) as CatalogRow[];
    return rows.map(fromCatalogRow).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async function find(id: string): Promise<CollectionInfo | undefined> {
    if (await isEmpty()) return undefined;
    const query = (await catalog()).query().where(`id = ${quote(id)}`);
    const [row] = (await query.toArray()) as CatalogRow[];
    return row && fromCatalogRow(row);
  }

  async function create(
    id: string,
    kind: CollectionInfo["kind"],
    stamp: ModelStamp,
  ): Promise<CollectionInfo | undefined> {
    if (await find(id)) return undefined;
    const place = `${ITEMS}${id}-${randomBytes(6).toString("hex")}`;
    await makeItemTable(place, stamp.dimension);
    const info: CollectionInfo = { id, kind, ...pick(stamp), createdAt: new Date(), place };
    const merge = (await catalog()).mergeInsert("id").whenNotMatchedInsertAll();
    const { numInsertedRows } = await merge.execute([toCatalogRow(info)]);
    if (numInsertedRows > 0) return info;
    // Another process was faster.
    await dropTable(place);
    return undefined;
  }

  async function drop(id: string): Promise<boolean> {
    const info = await find(id);
    if (!info) return false;
    const { numDeletedRows } = await (await catalog()).delete(`id = ${quote(id)}`);
    // Else another was faster, and drops the table too.
    if (numDeletedRows > 0) await dropTable(info.place);
    return numDeletedRows > 0;
  }

  async function page({ place }: CollectionInfo, page: ItemPage): Promise<StoredItem[]> {
    const { table } = await open(place);
    const after = page.after === undefined ? "" : `id > ${quote(page.after)}`;
    const where = [after, toSql(page.filter ?? {})].filter(Boolean).join(" AND ");
    let query = table.query().orderBy({ columnName: "id", ascending: true });
    if (where) query = query.where(where);
    const rows = await query.select(columns(page.withPictures)).limit(page.limit).toArray();
    return (rows as ItemRow[]).map(fromItemRow);
  }

  async function search({ place }: CollectionInfo, search: ItemSearch): Promise<ItemHit[]> {
    const { table } = await open(place);
    return takeNearest(search.limit, {
      hits: async (limit, lastId) => {
        const rows = await readNearest(table, { ...search, limit, lastId }, columns());
        return (rows as (ItemRow & Distance)[]).map((row) => ({
          ...fromItemRow(row),
          similarity: toSimilarity(row),
        }));
      },
      ranks: async (limit) => {
        const rows = await readNearest(table, { ...search, limit }, ["id"]);
        return rows.map((row) => ({ id: row.id, similarity: toSimilarity(row) }));
      },
    });
  }

  async function pictures(
    { place }: CollectionInfo,
    ids: readonly string[],
  ): Promise<Map<string, Uint8Array>> {
    if (ids.length === 0) return new Map();
    const { table } = await open(place);
    const query = table.query().where(`id IN (${ids.map(quote).join(", ")})`);
    const rows = (await query.select(["id", "picture"]).toArray()) as Pick<ItemRow, "id" | "picture">[];
    return new Map(rows.flatMap(({ id, picture }) => (picture ? [[id, Uint8Array.from(picture)]] : [])));
  }

  async function beginReplacement(info: CollectionInfo, stamp: ModelStamp): Promise<CollectionInfo> {
    const database = await connection();
    // Named for both sides, so that a later attempt finds what an interrupted one has done.
    const place = `${info.place.slice(0, -13)}-${stamp.fingerprint.slice(0, 12)}`;
    const names = await database.tableNames({ limit: MAX_TABLES });
    if (!names.includes(place)) await makeItemTable(place, stamp.dimension);
    return { ...info, ...pick(stamp), place };
  }

  async function finishReplacement(info: CollectionInfo, replacement: CollectionInfo): Promise<void> {
    const merge = (await catalog()).mergeInsert("id").whenMatchedUpdateAll();
    await merge.execute([toCatalogRow(replacement)]);
    await dropTable(info.place);
  }

  async function makeItemTable(place: string, dimension: number): Promise<void> {
    const table = await (await connection()).createEmptyTable(place, itemSchema(dimension));
    // Two processes that insert the same new id then conflict, and the later one updates instead.
    await table.setUnenforcedPrimaryKey("id");
  }

  async function dropTable(place: string): Promise<void> {
    const opened = await tables.get(place);
    tables.delete(place);
    if (opened) await settle(opened);
    await (await connection()).dropTable(place);
  }

  async function close(): Promise<void> {
    const opened = await Promise.all([...tables.values()]);
    await Promise.all(opened.map((table) => settle(table, mergeGraceMs)));
    tables.clear();
    (await opening)?.close();
    opening = undefined;
  }

  return {
    list,
    find,
    create,
    drop,
    upsert: async ({ place }, items) => (await open(place)).queue.upsert(items),
    remove: async ({ place }, ids) => (await open(place)).queue.remove(ids),
    count: async ({ place }, filter: ItemFilter = {}) =>
      (await open(place)).table.countRows(toSql(filter) || undefined),
    revision: async ({ place }) => (await open(place)).table.version(),
    page,
    pictures,
    search,
    beginReplacement,
    finishReplacement,
    close,
  };
}

/** More than a folder will ever hold: the names come in pages otherwise. */
const MAX_TABLES = 100_000;

async function connect(folder: string): Promise<Connection> {
  await mkdir(folder, { recursive: true });
  // A large native library: it is loaded by those who have collections.
  const { connect, Session } = await import("@lancedb/lancedb");
  const session = new Session(INDEX_CACHE, METADATA_CACHE);
  // Every read looks for what other processes have written.
  const database = await connect(folder, { readConsistencyInterval: 0, session });
  const names = await database.tableNames({ limit: MAX_TABLES });
  if (!names.includes(CATALOG)) {
    const table = await database.createEmptyTable(CATALOG, catalogSchema(), { existOk: true });
    await table.setUnenforcedPrimaryKey("id");
    return database;
  }
  await sweep(database, folder, names);
  return database;
}

async function sweep(database: Connection, folder: string, names: string[]): Promise<void> {
  const rows = (await (await database.openTable(CATALOG)).query().toArray()) as CatalogRow[];
  const named = new Set(rows.map(({ place }) => place));
  for (const name of names.filter((name) => name.startsWith(ITEMS) && !named.has(name))) {
    // Another process may have dropped it by now.
    const found = await stat(join(folder, `${name}.lance`, "_versions")).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await database.dropTable(name);
  }
}

function withQueue(table: Table, folder: string): OpenTable {
  const compactor = createCompactor({ folder, place: table.name, countRows: () => table.countRows() });
  const queue = createWriteQueue({
    upsert: async (items) => {
      const merge = table.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll();
      await merge.execute(items.map(toItemRow));
      await compactor.afterCommit(items.length);
    },
    remove: async (ids) => {
      const { numDeletedRows } = await table.delete(`id IN (${ids.map(quote).join(", ")})`);
      await compactor.afterCommit(numDeletedRows);
      return numDeletedRows;
    },
  });
  return { table, queue, compactor };
}

async function settle({ queue, compactor }: OpenTable, graceMs?: number): Promise<void> {
  // Beside each other, for a write may wait for a merge; and the last write may have begun one.
  await Promise.all([queue.idle(), compactor.idle(graceMs)]);
  await compactor.idle(graceMs);
}

interface Distance {
  id: string;
  _distance: number;
}

/** Nearest first; which of equal ones are within the limit is chance. */
async function readNearest(
  table: Table,
  { vector, limit, filter = {}, lastId }: ItemSearch & { lastId?: string },
  names: string[],
): Promise<Distance[]> {
  const upTo = lastId === undefined ? "" : `id <= ${quote(lastId)}`;
  const where = [upTo, toSql(filter)].filter(Boolean).join(" AND ");
  let query = table.vectorSearch(vector).distanceType("dot").bypassVectorIndex();
  if (where) query = query.where(where);
  const rows = await query
    .select([...names, "_distance"])
    .limit(limit)
    .toArray();
  return rows as Distance[];
}

/** Rounding may lead a little beyond the ends. */
function toSimilarity({ _distance }: Distance): number {
  return Math.max(-1, Math.min(1, 1 - _distance));
}

interface CatalogRow extends Omit<CollectionInfo, "createdAt"> {
  createdAt: string;
}

function toCatalogRow({ createdAt, ...info }: CollectionInfo): Record<string, unknown> {
  return { ...info, createdAt: createdAt.toISOString() };
}

function fromCatalogRow({
  id,
  kind,
  model,
  fingerprint,
  dimension,
  place,
  createdAt,
}: CatalogRow): CollectionInfo {
  return { id, kind, model, fingerprint, dimension, place, createdAt: new Date(createdAt) };
}

interface ItemRow {
  id: string;
  text: string | null;
  picture?: Uint8Array | null;
  tags: Iterable<string>;
}

function toItemRow({ id, text, picture, vector, metadata }: NewItem): Record<string, unknown> {
  return { id, text, picture: picture && Buffer.from(picture), vector, tags: metadata.map(toTag) };
}

function fromItemRow({ id, text, picture, tags }: ItemRow): StoredItem {
  // Copied: the column's memory is the whole batch's.
  const copy = picture ? Uint8Array.from(picture) : null;
  return { id, text, picture: copy, metadata: Array.from(tags, fromTag) };
}

function columns(withPictures = false): string[] {
  return ["id", "text", "tags", ...(withPictures ? ["picture"] : [])];
}

function pick({ model, fingerprint, dimension }: ModelStamp): ModelStamp {
  return { model, fingerprint, dimension };
}
