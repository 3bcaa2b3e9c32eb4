import { randomUUID } from "node:crypto";
import { inject, expect, test } from "vitest";
import {
  isBadUserInputError,
  isCollectionNotFoundError,
  isImageUnreadableError,
  type BulkProgress,
  type ImageItem,
  type TextItem,
} from "../src/index.js";
import { plain } from "../../test/helpers/pictures.mjs";
import { connect, connectRelational, observe } from "./helpers/clients.js";
import { startRawServer } from "./helpers/raw-server.js";

const client = connectRelational();

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function fresh(kind: "TEXTS" | "IMAGES"): Promise<string> {
  return (await client.createCollection(`test-${randomUUID()}`, kind)).id;
}

function texts(count: number): TextItem[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `item-${i}`,
    text: `${i % 30} dogs`,
    metadata: { parity: `${i % 2}` },
  }));
}

test("a collection is made, found, listed and deleted", async () => {
  const id = await fresh("TEXTS");
  const { fingerprint } = await client.model();
  expect(await client.collection(id)).toMatchObject({
    id,
    kind: "TEXTS",
    fingerprint,
    current: true,
    count: 0,
  });
  expect((await client.collection(id))?.createdAt).toBeInstanceOf(Date);
  expect((await client.collections()).map((found) => found.id)).toContain(id);
  await client.deleteCollection(id);
  expect(await client.collection(id)).toBeNull();
});

test("texts longer than the model reads are stored and named", async () => {
  const items = [
    { id: "short", text: "a dog" },
    { id: "long", text: "a dog runs ".repeat(200) },
  ];
  const report = await client.upsertTexts(await fresh("TEXTS"), items);
  expect(report).toEqual({ upserted: 2, failed: [], truncated: [{ index: 1, id: "long" }] });
});

test("what has no collection is told as such", async () => {
  const id = "nowhere";
  await expect(client.countItems(id)).rejects.toSatisfy(isCollectionNotFoundError);
  await expect(collect(client.items(id))).rejects.toSatisfy(isCollectionNotFoundError);
  await expect(client.searchImages(id, "dog")).rejects.toSatisfy(isCollectionNotFoundError);
  await expect(client.upsertTexts(id, texts(3))).rejects.toSatisfy(isCollectionNotFoundError);
  await expect(client.deleteCollection(id)).rejects.toSatisfy(isCollectionNotFoundError);
});

test("1,000 texts are stored in chunks, and items are iterated over in the order of their ids", async () => {
  const { client: observed, requests } = observe({ url: inject("relationalUrl") });
  const id = await fresh("TEXTS");
  const progress: BulkProgress[] = [];
  const report = await observed.upsertTexts(id, texts(1000), { onProgress: (done) => progress.push(done) });
  expect(report).toEqual({ upserted: 1000, failed: [], truncated: [] });
  expect(progress.at(-1)).toEqual({ upserted: 1000, failed: 0 });
  expect(requests.filter(({ query }) => query.startsWith("mutation"))).toHaveLength(progress.length);
  const items = await collect(client.items(id, { first: 300 }));
  expect(items.map((item) => item.id)).toEqual(
    texts(1000)
      .map((item) => item.id)
      .sort(),
  );
  expect(items[0]).toEqual({ id: "item-0", text: "0 dogs", metadata: { parity: ["0"] } });
  expect(await client.countItems(id, { metadata: { parity: "1" } })).toBe(500);
  expect(await client.countItems(id, { metadata: { parity: ["0", "1"] } })).toBe(1000);
});

test("upserting again replaces, and deleting tells how many there were", async () => {
  const id = await fresh("TEXTS");
  await client.upsertTexts(id, texts(5));
  await client.upsertTexts(id, [{ id: "item-0", text: "a striped horse" }]);
  expect(await client.countItems(id)).toBe(5);
  const [first] = await collect(client.items(id));
  expect(first).toEqual({ id: "item-0", text: "a striped horse", metadata: {} });
  expect(await client.deleteItems(id, ["item-0", "item-1", "item-99"])).toBe(2);
  expect(await client.countItems(id)).toBe(3);
});

test("a bad item is reported with its place and id, and the others are stored", async () => {
  const id = await fresh("TEXTS");
  const items = texts(300);
  items[270] = { id: "empty", text: "" };
  const { upserted, failed } = await client.upsertTexts(id, items);
  expect(upserted).toBe(299);
  expect(failed.map(({ index, id: item }) => [index, item])).toEqual([[270, "empty"]]);
  expect(isBadUserInputError(failed[0]?.error)).toBe(true);
});

test("an async iterable is stored as it comes", async () => {
  const id = await fresh("TEXTS");
  async function* generate(): AsyncGenerator<TextItem> {
    for (const item of texts(20)) {
      await Promise.resolve();
      yield item;
    }
  }
  expect((await client.upsertTexts(id, generate(), { concurrency: 3 })).upserted).toBe(20);
});

test("a source that fails ends the upsert with its error", async () => {
  const id = await fresh("TEXTS");
  function* generate(): Generator<TextItem> {
    yield { id: "one", text: "dog" };
    throw new Error("the source broke");
  }
  await expect(client.upsertTexts(id, generate())).rejects.toThrow("the source broke");
});

test("an aborted upsert rejects and takes no more from its source", async () => {
  const id = await fresh("TEXTS");
  const controller = new AbortController();
  let taken = 0;
  function* generate(): Generator<TextItem> {
    for (; taken < 100_000; taken++) yield { id: `${taken}`, text: "dog" };
  }
  const options = { signal: controller.signal, onProgress: () => controller.abort() };
  await expect(client.upsertTexts(id, generate(), options)).rejects.toThrow(/abort/);
  expect(taken).toBeLessThan(10_000);
});

test("the texts of a collection are searched by meaning", async () => {
  const id = await fresh("TEXTS");
  const sentences = ["a dog runs on the grass", "the national budget", "an orchestra plays"];
  await client.upsertTexts(
    id,
    sentences.map((text, i) => ({ id: `${i}`, text, metadata: { line: `${i}` } })),
  );
  const filter = { collection: id };
  const { items } = await client.nearestNeighbors("a puppy plays outside", { first: 2, filter });
  expect(items[0]).toMatchObject({ id: "0", text: sentences[0] });
  const restricted = { ...filter, metadata: { line: ["1", "2"] } };
  const found = await collect(client.neighbors("a puppy plays outside", { filter: restricted }));
  expect(found.map(({ id: item }) => item).sort()).toEqual(["1", "2"]);
});

test("pictures from every source are stored, and unreadable ones are reported", async () => {
  const id = await fresh("IMAGES");
  const [red, blue] = await Promise.all(["#ff0000", "#0000ff"].map((color) => plain(color).png().toBuffer()));
  const items: ImageItem[] = [
    { id: "red", image: red as Buffer, metadata: { color: "red" } },
    { id: "missing", image: { path: "/nowhere/photo.jpg" } },
    { id: "blue", image: new Blob([blue as Buffer<ArrayBuffer>]) },
    { id: "broken", image: (red as Buffer).subarray(0, 20) },
  ];
  const { upserted, failed } = await client.upsertImages(id, items);
  expect(upserted).toBe(2);
  expect(failed.map(({ index, id: item }) => [index, item])).toEqual([
    [1, "missing"],
    [3, "broken"],
  ]);
  expect(failed.every(({ error }) => isImageUnreadableError(error))).toBe(true);
  const self = await client.searchImages(id, { image: red as Buffer }, { first: 1, thumbnails: true });
  expect(self.items[0]).toMatchObject({ id: "red", rank: 1, metadata: { color: ["red"] } });
  expect(self.items[0]?.similarity).toBeCloseTo(1, 4);
  expect(self.items[0]?.thumbnail).toMatch(/^data:image\/jpeg;base64,/);
});

test("pictures are searched with words, with both, and iterated over", async () => {
  const id = await fresh("IMAGES");
  const colors = ["#ff0000", "#00ff00", "#0000ff", "#ffffff", "#101010"];
  const items = colors.map(async (color) => ({
    id: color.slice(1),
    image: await plain(color).png().toBuffer(),
  }));
  await client.upsertImages(id, await Promise.all(items));
  const byText = await collect(client.imageHits(id, "a red thing", { first: 2 }));
  expect(byText.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5]);
  expect(byText[0]).not.toHaveProperty("thumbnail");
  const image = await plain("#ff0000").png().toBuffer();
  const mixed = await client.searchImages(id, { image, text: "sky", textWeight: 0.3, negativeText: "grass" });
  expect(mixed.items).toHaveLength(5);
  await expect(client.searchImages(id, {})).rejects.toSatisfy(isBadUserInputError);
});

test("the picture of a search is fetched once for all pages", async () => {
  const id = await fresh("IMAGES");
  const image = await plain("#ff0000").png().toBuffer();
  await client.upsertImages(
    id,
    [1, 2, 3].map((i) => ({ id: `${i}`, image })),
  );
  const photo = await startRawServer((response) => void response.end(image));
  const hits = await collect(client.imageHits(id, { image: new URL(photo.url) }, { first: 1 }));
  expect(hits).toHaveLength(3);
  expect(photo.received).toHaveLength(1);
});

test("a collection of the other kind is refused as a whole", async () => {
  const id = await fresh("IMAGES");
  await expect(client.upsertTexts(id, texts(2))).rejects.toSatisfy(isBadUserInputError);
});

test("collections without pictures need no model that sees", async () => {
  const shipped = connect();
  const { id } = await shipped.createCollection("phrases", "TEXTS");
  expect(await shipped.upsertTexts(id, [{ id: "1", text: "striped horse" }])).toEqual({
    upserted: 1,
    failed: [],
    truncated: [],
  });
  await shipped.deleteCollection(id);
});
