import "reflect-metadata";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bundle } from "../../src/bundle/bundle.js";
import {
  createCollections,
  type Collections,
  type CollectionsOptions,
} from "../../src/collections/collections.js";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import type { VectorStore } from "../../src/collections/vector-store.js";
import { CollectionsResolver } from "../../src/graphql/collections/collections.resolver.js";
import {
  MAX_DEPTH,
  searchImages,
  searchPage,
  toCollection,
  type CollectionSearch,
} from "../../src/graphql/collections/collections.service.js";
import type { Collection } from "../../src/graphql/collections/collections.type.js";
import type { Context } from "../../src/graphql/context.js";
import type { Encoder } from "../../src/inference/encoder.js";
import type { VisualEncoder } from "../../src/pictures/visual-encoder.js";

const DIMENSION = 4;
let folder: string;
let store: VectorStore;
let options: CollectionsOptions;
let collections: Collections;
let context: Context;

/** One vector for one length of text: no model is needed to turn pages. */
const encode: Encoder["encode"] = (texts) =>
  Promise.resolve(
    texts.map((text) => {
      return { vector: Float32Array.of(1, text.length, 0, 0), norm: 1, tokenCount: 3, truncated: false };
    }),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-pages-"));
  const manifest = { name: "test", fingerprint: "a".repeat(64), dimension: DIMENSION };
  const encoder = { encode } as Encoder;
  const visual = {} as VisualEncoder;
  store = createEmbeddedStore(folder);
  options = { bundle: { manifest } as Bundle, encoder, visual, store, timeoutMs: 60_000 };
  collections = createCollections(options);
  context = {
    services: { bundle: options.bundle, encoder, visual },
    collections,
    limits: { maxTexts: 1024, maxFirst: 1000, maxBodyBytes: 1024 },
    turns: pLimit(4),
  } as unknown as Context;
  await collections.create("texts", "TEXTS");
  await collections.create("pictures", "IMAGES");
});

afterAll(async () => {
  await collections.close();
  await rm(folder, { recursive: true });
});

const SEARCH: CollectionSearch = {
  collection: "texts",
  kind: "TEXTS",
  vector: Float32Array.of(1, 5, 0, 0),
  inputs: "equal",
  filter: {},
};

describe("pages of a search among equal items", () => {
  const ids = Array.from({ length: 20 }, (_, i) => `id${String(i).padStart(2, "0")}`);

  beforeAll(async () => {
    const items = ids.toReversed().map((id) => ({ id, text: "equal" }));
    await collections.upsertTexts("texts", items);
  });

  async function turn(first: number): Promise<string[]> {
    const seen: string[] = [];
    for (let after: string | null | undefined; ;) {
      const { hits, pageInfo } = await searchPage(SEARCH, { first, after }, context);
      seen.push(...hits.map(({ id }) => id));
      if (!pageInfo.hasNextPage) return seen;
      after = pageInfo.endCursor;
    }
  }

  test.each([1, 3, 10, 20])("of %d give each item once, in the order of the ids", async (first) => {
    expect(await turn(first)).toEqual(ids);
  });

  test("go on where the query's vector is computed again, a little different, and for no other query", async () => {
    const first = await searchPage(SEARCH, { first: 7 }, context);
    const next = { first: 7, after: first.pageInfo.endCursor };
    const again = { ...SEARCH, vector: Float32Array.of(1, 5.000001, 0, 0) };
    expect((await searchPage(again, next, context)).hits.map(({ id }) => id)).toEqual(ids.slice(7, 14));
    const other = searchPage({ ...SEARCH, inputs: "another" }, next, context);
    await expect(other).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
  });

  test("give each once also beside nearer and farther ones, in several files", async () => {
    await collections.upsertTexts("texts", [{ id: "zz far", text: "farther away" }]);
    await collections.upsertTexts("texts", [{ id: "id00", text: "equal" }]);
    await collections.upsertTexts("texts", [{ id: "a far", text: "farther" }]);
    expect(await turn(7)).toEqual([...ids, "a far", "zz far"]);
  });
});

test("the last page ends at the greatest depth, and none begins there", async () => {
  const limits: number[] = [];
  const hits = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      id: `${i}`,
      text: "",
      metadata: [],
      similarity: 1 - i / 1e5,
    }));
  const search: VectorStore["search"] = (_info, { limit }) => {
    limits.push(limit);
    return Promise.resolve(hits(limit));
  };
  const deep = createCollections({ ...options, store: { ...store, search } });
  const inDepth = {
    services: context.services,
    collections: deep,
    limits: { ...context.limits, maxFirst: MAX_DEPTH },
  } as unknown as Context;
  const first = await searchPage(SEARCH, { first: MAX_DEPTH - 1 }, inDepth);
  const last = await searchPage(SEARCH, { first: 300, after: first.pageInfo.endCursor }, inDepth);
  expect(last.ranks).toEqual([MAX_DEPTH]);
  expect(limits).toEqual([MAX_DEPTH, MAX_DEPTH + 1]);
  const beyond = searchPage(SEARCH, { first: 1, after: last.pageInfo.endCursor }, inDepth);
  await expect(beyond).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
});

describe("reads of collections", () => {
  test("wait for each other, leave with their callers, and are refused beyond their bound", async () => {
    let started = 0;
    const finishes: (() => void)[] = [];
    const count: VectorStore["count"] = () => {
      started += 1;
      return new Promise((resolve) => finishes.push(() => resolve(started)));
    };
    const busy = createCollections({ ...options, store: { ...store, count } });
    const info = await busy.get("texts");
    const leaving = new AbortController();
    const filter = { metadata: [{ key: "a", in: ["b"] }] };
    const reads = Array.from({ length: 4 }, () => busy.count(info, filter));
    const abandoned = busy.count(info, filter, { signal: leaving.signal });
    const waiting = Array.from({ length: 511 }, () => busy.count(info, filter));
    await expect(busy.count(info, filter)).rejects.toMatchObject({ code: "OVERLOADED" });
    expect(started).toBe(4);
    leaving.abort();
    await expect(abandoned).rejects.toMatchObject({ code: "TIMEOUT" });
    const done = Promise.all([...reads, ...waiting]);
    const timer = setInterval(() => finishes.splice(0).forEach((finish) => finish()), 1);
    await done;
    clearInterval(timer);
    expect(started).toBe(4 + 511);
  });

  test("of one request take turns, however many collections it lists, and plain counts need none", async () => {
    const resolver = new CollectionsResolver();
    const [info] = (await collections.list()).map((one) => toCollection(one, context));
    const many = Array.from({ length: 600 }, () => info as Collection);
    const counts = await Promise.all(many.map((one) => resolver.count(context, one)));
    expect(new Set(counts).size).toBe(1);
    const pages = await Promise.all(many.map((one) => resolver.items(context, one, 1)));
    expect(pages).toHaveLength(600);
  });

  test("of a collection that is deleted meanwhile end as COLLECTION_NOT_FOUND", async () => {
    await collections.create("passing", "TEXTS");
    const search: VectorStore["search"] = async (info, search) => {
      await store.drop(info.id);
      return store.search(info, search);
    };
    const late = createCollections({ ...options, store: { ...store, search } });
    const vector = Float32Array.of(1, 0, 0, 0);
    await expect(late.search("passing", "TEXTS", { vector, limit: 1 })).rejects.toMatchObject({
      code: "COLLECTION_NOT_FOUND",
    });
  });

  test("an id that no collection can have is not looked for, nor repeated whole", async () => {
    const find = (): never => {
      throw new Error("looked for");
    };
    const strict = createCollections({ ...options, store: { ...store, find } });
    const error = await strict.get("x".repeat(1_000_000)).catch((error: Error) => error);
    expect(error).toMatchObject({ code: "COLLECTION_NOT_FOUND" });
    expect((error as Error).message.length).toBeLessThan(200);
  });
});

describe("a filter without values is named as it was given", () => {
  const metadata = [{ key: "a", in: [] }];

  test("query.metadata by searchImages", async () => {
    const search = searchImages("pictures", { text: "dog", metadata }, { first: 10 }, false, context);
    await expect(search).rejects.toMatchObject({
      code: "BAD_USER_INPUT",
      message: "query.metadata[0].in must have 1 to 64 values, has 0",
    });
  });

  test("filter.metadata by a search of texts", async () => {
    const search = searchPage({ ...SEARCH, filter: { metadata } }, { first: 10 }, context);
    await expect(search).rejects.toMatchObject({
      code: "BAD_USER_INPUT",
      message: "filter.metadata[0].in must have 1 to 64 values, has 0",
    });
  });
});
