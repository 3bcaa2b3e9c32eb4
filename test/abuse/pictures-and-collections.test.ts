import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { createTestGateway, type Answer, type TestGateway } from "../helpers/picture-gateway.js";
import { animatedPng, animatedWebp, bomb, noise, plain } from "../helpers/pictures.js";

let files: PictureBundle;
let gateway: TestGateway;
let good: string;

beforeAll(async () => {
  files = await createPictureBundle();
  gateway = await createTestGateway(files.directory, { GROUNDWIRE_MAX_TEXTS: "8" });
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

const upsertImages = `mutation ($items: [ImageItemInput!]!) { upsertImages(collection: "pictures", items: $items) { id } }`;
const searchImages = `query ($query: ImageQueryInput!, $collection: ID = "pictures", $first: Int, $after: String) {
  searchImages(collection: $collection, query: $query, first: $first, after: $after) { nodes { id } }
}`;

const half = async (bytes: Promise<Buffer>): Promise<Buffer> => (await bytes).subarray(0, 2000);

const badPictures: [name: string, make: () => Promise<string | Buffer>, code: string][] = [
  ["nothing", () => Promise.resolve(""), "IMAGE_UNREADABLE"],
  ["an address", () => Promise.resolve("https://example.org/dog.jpg"), "IMAGE_UNREADABLE"],
  ["a data URI that is not base64", () => Promise.resolve("data:image/png,abc"), "IMAGE_UNREADABLE"],
  ["text", () => Promise.resolve(Buffer.from("this is no picture at all")), "IMAGE_UNREADABLE"],
  ["a GIF", () => plain("#123456").gif().toBuffer(), "IMAGE_UNREADABLE"],
  ["a TIFF", () => plain("#123456").tiff().toBuffer(), "IMAGE_UNREADABLE"],
  [
    "an SVG that names a file",
    () =>
      Promise.resolve(
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'),
      ),
    "IMAGE_UNREADABLE",
  ],
  ["a truncated JPEG", () => half(noise().jpeg().toBuffer()), "IMAGE_UNREADABLE"],
  ["a truncated PNG", () => half(noise().png().toBuffer()), "IMAGE_UNREADABLE"],
  ["a truncated WebP", () => half(noise().webp().toBuffer()), "IMAGE_UNREADABLE"],
  ["an animated WebP", animatedWebp, "IMAGE_UNREADABLE"],
  ["an animated PNG", animatedPng, "IMAGE_UNREADABLE"],
  ["a decompression bomb", () => bomb(100_000, 100_000), "IMAGE_TOO_LARGE"],
];

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

const badCalls: [name: string, query: string, variables: object, code: string, message: string][] = [
  [
    "a collection's id with a path in it",
    `mutation { createCollection(id: "../../etc", kind: TEXTS) { id } }`,
    {},
    "BAD_USER_INPUT",
    'id must be 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or digit, is "../../etc"',
  ],
  [
    "an empty collection's id",
    `mutation { createCollection(id: "", kind: TEXTS) { id } }`,
    {},
    "BAD_USER_INPUT",
    "id must",
  ],
  [
    "a collection's id of 65 characters",
    `mutation { createCollection(id: "${"a".repeat(65)}", kind: TEXTS) { id } }`,
    {},
    "BAD_USER_INPUT",
    "id must be 1 to 64",
  ],
  [
    "a collection's id that is taken",
    `mutation { createCollection(id: "texts", kind: IMAGES) { id } }`,
    {},
    "BAD_USER_INPUT",
    'id must be new, collection "texts" exists',
  ],
  [
    "an unknown kind",
    `mutation { createCollection(id: "x", kind: SOUNDS) { id } }`,
    {},
    "GRAPHQL_VALIDATION_FAILED",
    "SOUNDS",
  ],
  [
    "the deletion of an unknown collection",
    `mutation { deleteCollection(id: "absent") }`,
    {},
    "COLLECTION_NOT_FOUND",
    'collection "absent" does not exist',
  ],
  [
    "an upsert into an unknown collection",
    `mutation { upsertTexts(collection: "absent", items: [{ id: "1", text: "a" }]) { id } }`,
    {},
    "COLLECTION_NOT_FOUND",
    "does not exist",
  ],
  [
    "a collection's id made of SQL",
    `mutation { deleteItems(collection: "x' OR '1'='1", ids: ["1"]) }`,
    {},
    "COLLECTION_NOT_FOUND",
    "does not exist",
  ],
  [
    "texts for a collection of pictures",
    `mutation { upsertTexts(collection: "pictures", items: [{ id: "1", text: "a" }]) { id } }`,
    {},
    "BAD_USER_INPUT",
    'collection must be of TEXTS, "pictures" is of IMAGES',
  ],
  [
    "a picture query to a collection of texts",
    searchImages,
    { collection: "texts", query: { text: "a dog" } },
    "BAD_USER_INPUT",
    'collection must be of IMAGES, "texts" is of TEXTS',
  ],
  [
    "neighbors in a collection of pictures",
    `{ nearestNeighbors(query: { text: "dog" }, filter: { collection: "pictures" }) { nodes { id } } }`,
    {},
    "BAD_USER_INPUT",
    'collection must be of TEXTS, "pictures" is of IMAGES',
  ],
  [
    "a query of nothing",
    searchImages,
    { query: {} },
    "BAD_USER_INPUT",
    "query must have text, image or both, has neither",
  ],
  [
    "a query of a negative text only",
    searchImages,
    { query: { negativeText: "dog" } },
    "BAD_USER_INPUT",
    "query must have text, image or both, has only negativeText",
  ],
  [
    "a text weight without a picture",
    searchImages,
    { query: { text: "dog", textWeight: 0.3 } },
    "BAD_USER_INPUT",
    "query.textWeight must only be given with both",
  ],
  [
    "an empty query text",
    searchImages,
    { query: { text: " " } },
    "BAD_USER_INPUT",
    "query.text must not be empty",
  ],
  [
    "a first of 0",
    searchImages,
    { query: { text: "dog" }, first: 0 },
    "BAD_USER_INPUT",
    "first must be 1 to 1000, is 0",
  ],
  [
    "a cursor of elsewhere",
    searchImages,
    { query: { text: "dog" }, after: "abc" },
    "BAD_USER_INPUT",
    "after must be a cursor of this query and model",
  ],
  [
    "a filter without values",
    searchImages,
    { query: { text: "dog", metadata: [{ key: "color", in: [] }] } },
    "BAD_USER_INPUT",
    "filter.metadata[0].in must have 1 to 64 values, has 0",
  ],
  [
    "a metadata filter outside a collection",
    `{ nearestNeighbors(query: { text: "dog" }, filter: { metadata: [{ key: "a", in: ["b"] }] }) { nodes { id } } }`,
    {},
    "BAD_USER_INPUT",
    "filter.metadata must come with filter.collection",
  ],
  [
    "an item's id with a control character",
    `mutation { upsertTexts(collection: "texts", items: [{ id: "a\\u0000b", text: "a" }]) { id } }`,
    {},
    "BAD_USER_INPUT",
    "items[0].id must be 1 to 512 characters",
  ],
  [
    "an item's empty text",
    `mutation { upsertTexts(collection: "texts", items: [{ id: "a", text: "" }]) { id } }`,
    {},
    "BAD_USER_INPUT",
    "items[0].text must not be empty",
  ],
  [
    "a metadata value that is too long",
    `mutation ($value: String!) { upsertTexts(collection: "texts", items: [{ id: "a", text: "a", metadata: [{ key: "k", value: $value }] }]) { id } }`,
    { value: "x".repeat(1025) },
    "BAD_USER_INPUT",
    "items[0].metadata[0].value must have 0 to 1024 characters",
  ],
  [
    "more items than the limit",
    `mutation ($ids: [ID!]!) { deleteItems(collection: "texts", ids: $ids) }`,
    { ids: Array.from({ length: 9 }, String) },
    "TOO_MANY_INPUTS",
    "ids must have at most 8 items, has 9",
  ],
  [
    "a number for a picture",
    searchImages,
    { query: { image: 7 } },
    "BAD_USER_INPUT",
    "Image must be base64 text or a data URI, is number",
  ],
  [
    "a list cursor that is none",
    `{ collection(id: "texts") { items(after: "!!") { nodes { id } } } }`,
    {},
    "BAD_USER_INPUT",
    "after must",
  ],
];

describe("bad collection calls", () => {
  test.each(badCalls)("%s", async (_name, query, variables, code, message) => {
    expectOne(await gateway.ask(query, variables), code, message);
  });

  test.each([-0.1, 1.1])("a text weight of %d", async (textWeight) => {
    const answer = await gateway.ask(searchImages, { query: { text: "dog", image: good, textWeight } });
    expectOne(answer, "BAD_USER_INPUT", `query.textWeight must be 0 to 1, is ${textWeight}`);
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
        { id: "pictures", count: 2, items: { nodes: [{ id: "blue" }, { id: "good" }] } },
        { id: "texts", count: 1, items: { nodes: [{ id: "1" }] } },
      ],
    });
  });
});

test("four hundred bad pictures leave memory flat", async () => {
  const broken = (await half(noise(400, 300).jpeg().toBuffer())).toString("base64");
  const items = Array.from({ length: 8 }, (_, i) => ({ id: `bad${i}`, image: broken }));
  const rounds = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) await gateway.ask(upsertImages, { items });
    return process.memoryUsage().rss / 2 ** 20;
  };
  const before = await rounds(10);
  expect((await rounds(40)) - before).toBeLessThan(80);
}, 120_000);

function expectOne(answer: Answer<unknown>, code: string, message: string): void {
  expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual([code]);
  expect(answer.errors?.[0]?.message).toContain(message);
}
