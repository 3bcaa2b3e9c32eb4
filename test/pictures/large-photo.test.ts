import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveBundleDirectory } from "../../src/bundle/bundle.js";
import { createTestGateway, type TestGateway } from "../helpers/picture-gateway.js";
import { noise } from "../helpers/pictures.mjs";

let gateway: TestGateway;
let image: string;

beforeAll(async () => {
  gateway = await createTestGateway(resolveBundleDirectory(), { GROUNDWIRE_REQUEST_TIMEOUT_MS: "300000" });
  const photo = await noise(4032, 3024).jpeg({ quality: 88 }).toBuffer();
  // What a telephone takes: 12 megapixels, 5 to 10 MB.
  expect(photo.length).toBeGreaterThan(5e6);
  expect(photo.length).toBeLessThan(10e6);
  image = photo.toString("base64");
});

afterAll(() => gateway.close());

test("a telephone's photo is grounded, stored and searched for, with the settings as shipped", async () => {
  const grounded = await gateway.ask<{ ground: { words: object[] } }>(
    `query ($image: Image!) { ground(image: $image, text: "a gray wall") { words { text } } }`,
    { image },
  );
  expect(grounded.data?.ground.words).toEqual([{ text: "a" }, { text: "gray" }, { text: "wall" }]);

  await gateway.ask(`mutation { createCollection(id: "photos", kind: IMAGES) { id } }`);
  const stored = await gateway.ask(
    `mutation ($image: Image!) { upsertImages(collection: "photos", items: [{ id: "wall", image: $image }]) { id } }`,
    { image },
  );
  expect(stored).toEqual({ data: { upsertImages: [{ id: "wall" }] } });
  const found = await gateway.ask<{ searchImages: { nodes: { id: string; similarity: number }[] } }>(
    `query ($image: Image!) { searchImages(collection: "photos", query: { image: $image }) { nodes { id similarity } } }`,
    { image },
  );
  expect(found.data?.searchImages.nodes).toEqual([
    { id: "wall", similarity: expect.closeTo(1, 4) as number },
  ]);
});
