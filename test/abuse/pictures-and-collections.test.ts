import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { createTestGateway, type Answer, type TestGateway } from "../helpers/picture-gateway.js";
import { plain } from "../helpers/pictures.mjs";
import { badCalls, OLDER, searchImages, upsertImages } from "./call-kinds.mjs";
import { badPictures, oddPictures } from "./picture-kinds.mjs";

let files: PictureBundle;
let gateway: TestGateway;
let good: string;

beforeAll(async () => {
  files = await createPictureBundle();
  gateway = await createTestGateway(files.directory, { GROUNDWIRE_MAX_TEXTS: "8" });
  const older = createEmbeddedStore(gateway.dataDir);
  await older.create(OLDER.id, "TEXTS", OLDER.stamp);
  await older.close();
  good = (await plain("#336699").png().toBuffer()).toString("base64");
  await gateway.ask(`mutation {
    a: createCollection(id: "pictures", kind: IMAGES) { id }
    b: createCollection(id: "texts", kind: TEXTS) { id }
    c: upsertTexts(collection: "texts", items: [{ id: "1", text: "a dog" }]) { id }
  }`);
  await gateway.ask(upsertImages, { items: [{ id: "blue", image: good }] });
});

afterAll(async () => {
  await gateway.close();
  await files.remove();
});

describe("twenty kinds of bad picture and more: as an item, a query and a neighbor", () => {
  test.each(badPictures)("%s", async (_name, make, code) => {
    const made = await make();
    const image = typeof made === "string" ? made : made.toString("base64");
    const items = [
      { id: "good", image: good },
      { id: "bad", image },
    ];
    const upserted = await gateway.ask(upsertImages, { items });
    expect(upserted.data).toEqual({ upsertImages: [{ id: "good" }, null] });
    expectOne(upserted, code, "items[1].image must");
    const searched = await gateway.ask(searchImages, { query: { image } });
    expectOne(searched, code, "query.image must");
  });
});

describe("pictures out of the ordinary", () => {
  test.each(oddPictures)("%s is answered", async (_name, make) => {
    const image = (await make()).toString("base64");
    expect((await gateway.ask(searchImages, { query: { image } })).errors).toBeUndefined();
  });
});

describe("bad collection calls", () => {
  test.each(badCalls)("%s", async (_name, query, variables, code, message) => {
    expectOne(await gateway.ask(query, variables), code, message);
  });

  test.each([-0.1, 1.1])("a text weight of %d", async (textWeight) => {
    const answer = await gateway.ask(searchImages, { query: { text: "dog", image: good, textWeight } });
    expectOne(answer, "BAD_USER_INPUT", `query.textWeight must be 0 to 1, is ${textWeight}`);
  });

  test("one id twice in one call is one item, the later one", async () => {
    const items = ["a cat", "a dog"].map((text) => `{ id: "1", text: "${text}" }`).join(", ");
    const upsert = `mutation { upsertTexts(collection: "texts", items: [${items}]) { id } }`;
    expect((await gateway.ask(upsert)).data).toEqual({ upsertTexts: [{ id: "1" }, { id: "1" }] });
    const { data } = await gateway.ask(`{ collection(id: "texts") { items { nodes { id text } } } }`);
    expect(data).toEqual({ collection: { items: { nodes: [{ id: "1", text: "a dog" }] } } });
  });

  test("the deletion of no items is no error", async () => {
    expect((await gateway.ask(`mutation { deleteItems(collection: "texts", ids: []) }`)).data).toEqual({
      deleteItems: 0,
    });
  });

  test("after all of it the gateway answers rightly, and nothing bad was stored", async () => {
    const { data } = await gateway.ask(`{ collections { id count items { nodes { id } } } }`);
    expect(data).toEqual({
      collections: [
        { id: "older", count: 0, items: { nodes: [] } },
        { id: "pictures", count: 2, items: { nodes: [{ id: "blue" }, { id: "good" }] } },
        { id: "texts", count: 1, items: { nodes: [{ id: "1" }] } },
      ],
    });
  });
});

function expectOne(answer: Answer<unknown>, code: string, message: string): void {
  expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual([code]);
  expect(answer.errors?.[0]?.message).toContain(message);
}
