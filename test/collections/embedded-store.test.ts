import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@lancedb/lancedb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import type {
  CollectionInfo,
  MetadataEntry,
  NewItem,
  VectorStore,
} from "../../src/collections/vector-store.js";

const DIMENSION = 8;
const STAMP = { model: "first", fingerprint: "a".repeat(64), dimension: DIMENSION };
const OTHER = { model: "second", fingerprint: "b".repeat(64), dimension: DIMENSION };
let folder: string;
let store: VectorStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-store-"));
  store = createEmbeddedStore(folder);
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** A unit vector in the plane of the first two axes. */
function at(degrees: number): Float32Array {
  const vector = new Float32Array(DIMENSION);
  vector[0] = Math.cos((degrees * Math.PI) / 180);
  vector[1] = Math.sin((degrees * Math.PI) / 180);
  return vector;
}

function item(id: string, degrees: number, metadata: MetadataEntry[] = [], text = `text of ${id}`): NewItem {
  return { id, text, picture: null, vector: at(degrees), metadata };
}

async function make(id = "phrases"): Promise<CollectionInfo> {
  const made = await store.create(id, "TEXTS", STAMP);
  if (!made) throw new Error("not made");
  return made;
}

async function countFragments(place: string): Promise<number> {
  const table = await (await connect(folder)).openTable(place);
  return (await table.stats()).fragmentStats.numFragments;
}

describe("collections of the embedded store", () => {
  test("are none where there is no folder, and reading makes none", async () => {
    const nowhere = join(folder, "nowhere");
    const reader = createEmbeddedStore(nowhere);
    expect(await reader.list()).toEqual([]);
    expect(await reader.find("a")).toBeUndefined();
    expect(await reader.drop("a")).toBe(false);
    await reader.close();
    await expect(stat(nowhere)).rejects.toThrow("ENOENT");
  });

  test("are listed by id, found, and dropped once", async () => {
    await make("b");
    await make("a");
    expect((await store.list()).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(await store.find("a")).toMatchObject({ id: "a", kind: "TEXTS", ...STAMP });
    expect(await store.drop("a")).toBe(true);
    expect(await store.drop("a")).toBe(false);
    expect(await store.find("a")).toBeUndefined();
  });

  test("of a taken id are not made, and the first keeps its items", async () => {
    const first = await make();
    await store.upsert(first, [item("x", 0)]);
    expect(await store.create("phrases", "IMAGES", STAMP)).toBeUndefined();
    expect(await store.count(first)).toBe(1);
  });

  test("that are made again after they were dropped are empty", async () => {
    await store.upsert(await make(), [item("x", 0)]);
    await store.drop("phrases");
    expect(await store.count(await make())).toBe(0);
  });

  test("are there after the store was closed and opened again", async () => {
    await store.upsert(await make(), [{ ...item("x", 0), picture: Uint8Array.of(1, 2, 3) }]);
    await store.close();
    store = createEmbeddedStore(folder);
    const found = (await store.find("phrases")) as CollectionInfo;
    const [kept] = await store.page(found, { limit: 1, withPictures: true });
    expect(kept).toEqual({ id: "x", text: "text of x", picture: Uint8Array.of(1, 2, 3), metadata: [] });
  });

  test("show another process's writes at once", async () => {
    const collection = await make();
    const other = createEmbeddedStore(folder);
    const seen = (await other.find("phrases")) as CollectionInfo;
    expect(await other.count(seen)).toBe(0);
    await store.upsert(collection, [item("x", 0)]);
    expect(await other.count(seen)).toBe(1);
    await other.close();
  });

  test("have another revision after every write of whatever process, and the same until then", async () => {
    const collection = await make();
    const other = createEmbeddedStore(folder);
    const revisions = [await store.revision(collection)];
    await other.upsert(collection, [item("x", 0)]);
    revisions.push(await store.revision(collection));
    await other.remove(collection, ["x"]);
    revisions.push(await store.revision(collection));
    await store.upsert(collection, [item("y", 0)]);
    revisions.push(await store.revision(collection));
    expect(new Set(revisions).size).toBe(4);
    await store.page(collection, { limit: 9 });
    expect(await store.revision(collection)).toBe(revisions[3]);
    await other.close();
  });
});

describe("items of the embedded store", () => {
  test("are replaced by id, also within one call and by calls at the same time", async () => {
    const collection = await make();
    await store.upsert(collection, [item("x", 0, [], "old"), item("x", 0, [], "newer")]);
    await Promise.all([
      store.upsert(collection, [item("x", 0, [], "newest"), item("y", 5)]),
      store.upsert(collection, [item("y", 6)]),
      store.upsert(collection, [item("z", 7)]),
    ]);
    const items = await store.page(collection, { limit: 10 });
    expect(items.map(({ id, text }) => [id, text])).toEqual([
      ["x", "newest"],
      ["y", "text of y"],
      ["z", "text of z"],
    ]);
  });

  test("inserted by two processes at once are there once", async () => {
    const collection = await make();
    const other = createEmbeddedStore(folder);
    const ids = Array.from({ length: 20 }, (_, i) => item(`id${i}`, i));
    await Promise.all(
      ids.flatMap((one) => [store.upsert(collection, [one]), other.upsert(collection, [one])]),
    );
    expect(await store.count(collection)).toBe(20);
    await other.close();
  });

  test("are removed by id, and the number of those that were there is told", async () => {
    const collection = await make();
    await store.upsert(collection, [item("x", 0), item("it's", 1)]);
    expect(await store.remove(collection, ["it's", "absent"])).toBe(1);
    expect((await store.page(collection, { limit: 9 })).map(({ id }) => id)).toEqual(["x"]);
  });

  test("are paged in the order of their ids", async () => {
    const collection = await make();
    await store.upsert(
      collection,
      ["d", "a", "c", "b", "e"].map((id) => item(id, 0)),
    );
    const pages: string[][] = [];
    for (let after: string | undefined; ;) {
      const page = await store.page(collection, { limit: 2, after });
      if (page.length === 0) break;
      pages.push(page.map(({ id }) => id));
      after = page.at(-1)?.id;
    }
    expect(pages).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  });

  test("are found nearest first with their cosines; equal ones by id", async () => {
    const collection = await make();
    await store.upsert(collection, [
      item("far", 90),
      item("b", 60),
      item("a", 60),
      item("near", 10),
      item("back", 180),
    ]);
    const hits = await store.search(collection, { vector: at(0), limit: 10 });
    expect(hits.map(({ id }) => id)).toEqual(["near", "a", "b", "far", "back"]);
    hits.forEach(({ similarity }, i) => {
      expect(similarity).toBeCloseTo(Math.cos(([10, 60, 60, 90, 180][i] as number) * (Math.PI / 180)), 5);
    });
  });

  test("that are equal are taken in the order of their ids, wherever the limit falls", async () => {
    const collection = await make();
    const ids = Array.from({ length: 20 }, (_, i) => `id${String(i).padStart(2, "0")}`);
    for (const part of [ids.slice(10), ids.slice(0, 10)])
      await store.upsert(
        collection,
        part.toReversed().map((id) => item(id, 60)),
      );
    await store.upsert(collection, [item("near", 10), item("far", 170)]);
    const order = ["near", ...ids, "far"];
    for (let limit = 1; limit <= 23; limit++) {
      const hits = await store.search(collection, { vector: at(0), limit });
      expect(hits.map(({ id }) => id)).toEqual(order.slice(0, limit));
    }
    const filter = { excludeTexts: ["text of id03", "text of near"] };
    const hits = await store.search(collection, { vector: at(0), limit: 5, filter });
    expect(hits.map(({ id }) => id)).toEqual(["id00", "id01", "id02", "id04", "id05"]);
  });

  test("are filtered by metadata, by all keys and any value, quotes and wildcards taken as they are", async () => {
    const collection = await make();
    await store.upsert(collection, [
      item("red", 1, [
        { key: "color", value: "red" },
        { key: "owner", value: "O'Brien" },
      ]),
      item("both", 2, [
        { key: "color", value: "red" },
        { key: "color", value: "blue" },
      ]),
      item("odd", 3, [{ key: "color", value: '%"]' }]),
      item("none", 4),
    ]);
    const ids = async (...metadata: { key: string; in: string[] }[]): Promise<string[]> => {
      const hits = await store.search(collection, { vector: at(0), limit: 10, filter: { metadata } });
      expect(await store.count(collection, { metadata })).toBe(hits.length);
      return hits.map(({ id }) => id);
    };
    expect(await ids({ key: "color", in: ["red"] })).toEqual(["red", "both"]);
    expect(await ids({ key: "color", in: ["blue", '%"]'] })).toEqual(["both", "odd"]);
    expect(await ids({ key: "color", in: ["red"] }, { key: "owner", in: ["O'Brien"] })).toEqual(["red"]);
    expect(await ids({ key: "color", in: ["re"] })).toEqual([]);
    expect(await ids({ key: "color", in: ["' OR true OR '"] })).toEqual([]);
  });

  test("are filtered before the nearest are taken, not after", async () => {
    const collection = await make();
    const near = Array.from({ length: 50 }, (_, i) => item(`near${i}`, i / 10));
    await store.upsert(collection, [...near, item("far", 170, [{ key: "kind", value: "rare" }])]);
    const filter = { metadata: [{ key: "kind", in: ["rare"] }] };
    expect((await store.search(collection, { vector: at(0), limit: 1, filter })).map(({ id }) => id)).toEqual(
      ["far"],
    );
  });

  test("are filtered by the beginning of their text and by texts to leave out", async () => {
    const collection = await make();
    await store.upsert(collection, [
      item("1", 1, [], "a dog"),
      item("2", 2, [], "a cat"),
      item("3", 3, [], "the sea"),
    ]);
    const filter = { textPrefix: "a ", excludeTexts: ["a cat"] };
    const hits = await store.search(collection, { vector: at(0), limit: 9, filter });
    expect(hits.map(({ text }) => text)).toEqual(["a dog"]);
  });

  test("outlive the merging of many small commits", async () => {
    const collection = await make();
    // No more than what starts a merge: a write beside it may get in its way, and it is then tried later.
    for (let i = 0; i < 64; i++) await store.upsert(collection, [item(`id${i % 60}`, i)]);
    await store.close();
    expect(await countFragments(collection.place)).toBeLessThan(20);
    expect(await store.count(collection)).toBe(60);
  });

  test("are not merged while they are few beside what was there before", async () => {
    const collection = await make();
    await store.upsert(
      collection,
      Array.from({ length: 500 }, (_, i) => item(`old${i}`, i)),
    );
    await store.close();
    for (let i = 0; i < 70; i++) await store.upsert(collection, [item(`id${i}`, i)]);
    await store.close();
    expect(await countFragments(collection.place)).toBe(71);
  });
});

describe("a replacement for another model", () => {
  test("is unseen until it is finished, then takes the collection's place", async () => {
    const collection = await make();
    await store.upsert(collection, [item("x", 0)]);
    const replacement = await store.beginReplacement(collection, OTHER);
    await store.upsert(replacement, [item("x", 90)]);
    expect(await store.find("phrases")).toMatchObject({ fingerprint: STAMP.fingerprint });
    await store.finishReplacement(collection, replacement);
    const found = (await store.find("phrases")) as CollectionInfo;
    expect(found).toMatchObject({ ...OTHER, createdAt: collection.createdAt });
    const [hit] = await store.search(found, { vector: at(90), limit: 1 });
    expect(hit?.similarity).toBeCloseTo(1, 5);
  });

  test("that was interrupted is found as it was left", async () => {
    const collection = await make();
    await store.upsert(await store.beginReplacement(collection, OTHER), [item("x", 0)]);
    await store.close();
    store = createEmbeddedStore(folder);
    expect(await store.count(await store.beginReplacement(collection, OTHER))).toBe(1);
  });
});
