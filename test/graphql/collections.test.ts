import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { createTestGateway, type TestGateway } from "../helpers/picture-gateway.js";
import { plain } from "../helpers/pictures.mjs";

const COLORS = { red: "#e01010", crimson: "#c81020", green: "#10c010", blue: "#1010e0", white: "#ffffff" };
let files: PictureBundle;
let gateway: TestGateway;

interface Nodes {
  nodes: { id: string; text: string; similarity: number; rank: number; thumbnail?: string }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

beforeAll(async () => {
  files = await createPictureBundle();
  gateway = await createTestGateway(files.directory);
  await gateway.ask(`mutation {
    colors: createCollection(id: "colors", kind: IMAGES) { id }
    phrases: createCollection(id: "phrases", kind: TEXTS) { id }
  }`);
  await upsertImages(Object.entries(COLORS).map(([id, color]) => ({ id, color, warm: id === "red" })));
});

afterAll(async () => {
  await gateway.close();
  await files.remove();
});

async function base64(color: string): Promise<string> {
  return (await plain(color).png().toBuffer()).toString("base64");
}

async function upsertImages(pictures: { id: string; color: string; warm?: boolean }[]) {
  const items = await Promise.all(
    pictures.map(async ({ id, color, warm = false }) => {
      return { id, image: await base64(color), metadata: [{ key: "warm", value: String(warm) }] };
    }),
  );
  const mutation = `mutation ($items: [ImageItemInput!]!) { upsertImages(collection: "colors", items: $items) { id } }`;
  return gateway.ask<{ upsertImages: ({ id: string } | null)[] }>(mutation, { items });
}

async function search(query: object, page: { first?: number; after?: string } = {}, fields = "") {
  const document = `query ($query: ImageQueryInput!, $first: Int, $after: String) {
    searchImages(collection: "colors", query: $query, first: $first, after: $after) {
      nodes { id similarity rank ${fields} } pageInfo { hasNextPage endCursor }
    }
  }`;
  const { data, errors } = await gateway.ask<{ searchImages: Nodes }>(document, {
    query,
    first: 10,
    ...page,
  });
  if (!data?.searchImages) throw new Error(JSON.stringify(errors));
  return data.searchImages;
}

describe("pictures of a collection", () => {
  test("are found by a picture, the same one first with cosine 1", async () => {
    const { nodes } = await search({ image: await base64(COLORS.red) });
    expect(nodes.map(({ id }) => id).slice(0, 2)).toEqual(["red", "crimson"]);
    expect(nodes[0]?.similarity).toBeCloseTo(1, 4);
    expect(nodes.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5]);
  });

  test("are ranked by picture alone at textWeight 0 and by text alone at textWeight 1", async () => {
    const image = await base64(COLORS.green);
    const text = "a red bus";
    const ids = ({ nodes }: Nodes): string[] => nodes.map(({ id }) => id);
    expect(ids(await search({ image, text, textWeight: 0 }))).toEqual(ids(await search({ image })));
    expect(ids(await search({ image, text, textWeight: 1 }))).toEqual(ids(await search({ text })));
    const half = await search({ image, text });
    const explicit = await search({ image, text, textWeight: 0.5 });
    expect(half).toEqual(explicit);
  });

  test("move away from a negative text", async () => {
    const image = await base64(COLORS.green);
    const [plainly] = (await search({ image })).nodes;
    const [pushed] = (await search({ image, negativeText: "grass" })).nodes;
    expect(pushed?.similarity).not.toBeCloseTo(plainly?.similarity as number, 3);
  });

  test("are filtered by metadata", async () => {
    const image = await base64(COLORS.blue);
    const { nodes } = await search({ image, metadata: [{ key: "warm", in: ["true"] }] });
    expect(nodes.map(({ id }) => id)).toEqual(["red"]);
  });

  test("come in pages whose cursors belong to their query", async () => {
    const image = await base64(COLORS.red);
    const whole = (await search({ image })).nodes.map(({ id }) => id);
    const first = await search({ image }, { first: 3 });
    const second = await search({ image }, { first: 3, after: first.pageInfo.endCursor as string });
    expect([...first.nodes, ...second.nodes].map(({ id }) => id)).toEqual(whole);
    expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
    const elsewhere = search({ text: "a dog" }, { after: first.pageInfo.endCursor as string });
    await expect(elsewhere).rejects.toThrow("after must be a cursor of this query and model");
  });

  test("show what the model saw when they are asked to", async () => {
    const { nodes } = await search({ image: await base64(COLORS.red) }, { first: 1 }, "thumbnail");
    expect(nodes[0]?.thumbnail).toMatch(/^data:image\/jpeg;base64,\/9j\//);
  });

  test("are counted and listed, and gone once they are deleted", async () => {
    await upsertImages([{ id: "passing", color: "#777733" }]);
    const document = `{ collection(id: "colors") { count current items(first: 2) { nodes { id text } } } }`;
    const { data } = await gateway.ask(document);
    expect(data).toMatchObject({
      collection: {
        count: 6,
        current: true,
        items: { nodes: [{ id: "blue", text: null }, { id: "crimson" }] },
      },
    });
    const deleted = await gateway.ask(
      `mutation { deleteItems(collection: "colors", ids: ["passing", "absent"]) }`,
    );
    expect(deleted.data).toEqual({ deleteItems: 1 });
    expect((await gateway.ask(`{ collection(id: "colors") { count } }`)).data).toEqual({
      collection: { count: 5 },
    });
  });

  test("that cannot be read are errors in their places, and their neighbors are stored", async () => {
    const good = await base64(COLORS.white);
    const items = [
      { id: "good one", image: good },
      { id: "no picture", image: "AAAA" },
      { id: "", image: good },
      { id: "good two", image: good },
    ];
    const mutation = `mutation ($items: [ImageItemInput!]!) { upsertImages(collection: "colors", items: $items) { id } }`;
    const { data, errors } = await gateway.ask(mutation, { items });
    expect(data).toEqual({ upsertImages: [{ id: "good one" }, null, null, { id: "good two" }] });
    expect(errors?.map(({ path, extensions }) => [path?.[1], extensions.code])).toEqual([
      [1, "IMAGE_UNREADABLE"],
      [2, "BAD_USER_INPUT"],
    ]);
    expect(errors?.[0]?.message).toMatch(/^items\[1\]\.image must be one of JPEG, PNG, WebP/);
    await gateway.ask(`mutation { deleteItems(collection: "colors", ids: ["good one", "good two"]) }`);
  });
});

describe("texts of a collection", () => {
  const PHRASES = ["a dog on the beach", "a puppy near the sea", "quarterly tax report", "a dog"];

  beforeAll(async () => {
    const items = PHRASES.map((text, i) => ({
      id: `p${i}`,
      text,
      metadata: [{ key: "even", value: String(i % 2 === 0) }],
    }));
    const mutation = `mutation ($items: [TextItemInput!]!) { upsertTexts(collection: "phrases", items: $items) { id } }`;
    const { data } = await gateway.ask(mutation, { items });
    expect(data).toEqual({ upsertTexts: items.map(({ id }) => ({ id })) });
  });

  async function neighbors(query: object, filter: object): Promise<Nodes> {
    const document = `query ($query: ConceptQueryInput!, $filter: NeighborFilter) {
      nearestNeighbors(query: $query, filter: $filter) { nodes { id text similarity rank } pageInfo { hasNextPage endCursor } }
    }`;
    const { data, errors } = await gateway.ask<{ nearestNeighbors: Nodes }>(document, { query, filter });
    if (!data?.nearestNeighbors) throw new Error(JSON.stringify(errors));
    return data.nearestNeighbors;
  }

  test("are searched with nearestNeighbors, the query's own text among them", async () => {
    const { nodes } = await neighbors({ text: "a dog" }, { collection: "phrases" });
    expect(nodes[0]).toMatchObject({ id: "p3", text: "a dog", rank: 1 });
    expect(nodes[0]?.similarity).toBeCloseTo(1, 4);
    expect(nodes.at(-1)?.text).toBe("quarterly tax report");
  });

  test("are filtered by metadata, least similarity, prefix and exclusion", async () => {
    const even = await neighbors(
      { text: "a dog" },
      { collection: "phrases", metadata: [{ key: "even", in: ["true"] }] },
    );
    expect(even.nodes.map(({ id }) => id).sort()).toEqual(["p0", "p2"]);
    const near = await neighbors({ text: "a dog" }, { collection: "phrases", minSimilarity: 0.9 });
    expect(near.nodes.map(({ id }) => id)).toEqual(["p3"]);
    const named = await neighbors(
      { text: "a dog" },
      { collection: "phrases", prefix: "a ", exclude: ["a dog"] },
    );
    expect(named.nodes.map(({ id }) => id).sort()).toEqual(["p0", "p1"]);
  });

  test("are replaced by id", async () => {
    const mutation = `mutation { upsertTexts(collection: "phrases", items: [{ id: "p2", text: "a red bus" }]) { id } }`;
    await gateway.ask(mutation);
    const { nodes } = await neighbors({ text: "a red bus" }, { collection: "phrases" });
    expect(nodes[0]).toMatchObject({ id: "p2", text: "a red bus" });
    expect(nodes.length).toBe(PHRASES.length);
  });
});

test("a collection is deleted with its items, and its name is free again", async () => {
  await gateway.ask(`mutation { createCollection(id: "brief", kind: TEXTS) { id } }`);
  await gateway.ask(
    `mutation { upsertTexts(collection: "brief", items: [{ id: "1", text: "a dog" }]) { id } }`,
  );
  expect((await gateway.ask(`mutation { deleteCollection(id: "brief") }`)).data).toEqual({
    deleteCollection: true,
  });
  expect((await gateway.ask(`{ collection(id: "brief") { id } }`)).data).toEqual({ collection: null });
  const again = await gateway.ask(`mutation { createCollection(id: "brief", kind: IMAGES) { kind count } }`);
  expect(again.data).toEqual({ createCollection: { kind: "IMAGES", count: 0 } });
});
