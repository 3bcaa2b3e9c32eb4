import sharp from "sharp";
import { expect, test } from "vitest";
import { isBadUserInputError, isImageUnreadableError } from "../src/index.js";
import { halves } from "../../test/helpers/pictures.mjs";
import { connect, connectRelational } from "./helpers/clients.js";

const client = connectRelational();
const photo = await halves(320, 200).jpeg().toBuffer();

test("every word has its map over the photo", async () => {
  const grounding = await client.ground(photo, "a dog on grass");
  expect(grounding.words.map(({ text }) => text)).toEqual(["a", "dog", "on", "grass"]);
  for (const { values, box } of grounding.words) {
    expect(values).toBeInstanceOf(Float32Array);
    expect(values).toHaveLength(grounding.rows * grounding.columns);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    expect(box.x + box.width).toBeLessThanOrEqual(1);
    expect(box.y + box.height).toBeLessThanOrEqual(1);
  }
  expect(grounding).not.toHaveProperty("overlay");
});

test("the overlay is a PNG as wide as the photo, of one word or of all", async () => {
  const [all, dog] = await Promise.all([
    client.ground(photo, "a dog", { overlay: true }),
    client.ground(photo, "a dog", { overlay: 1 }),
  ]);
  const { format, width, height } = await sharp(dog.overlay).metadata();
  expect([format, width]).toEqual(["png", 320]);
  // Below the photo there may be a legend.
  expect(height).toBeGreaterThanOrEqual(200);
  expect(Buffer.compare(all.overlay, dog.overlay)).not.toBe(0);
});

test("a word that the text does not have is refused", async () => {
  await expect(client.ground(photo, "a dog", { overlay: 2 })).rejects.toSatisfy(isBadUserInputError);
});

test("a photo that cannot be decoded is refused, and what is asked beside it is served", async () => {
  const [bad, good] = [client.ground(photo.subarray(0, 100), "a dog"), client.ground(photo, "a dog")];
  await expect(bad).rejects.toSatisfy(isImageUnreadableError);
  expect((await good).words).toHaveLength(2);
});

test("the shipped bundle grounds, or says that it cannot", async () => {
  const shipped = connect();
  const { stage, name } = await shipped.model();
  const asked = shipped.ground(photo, "a dog");
  if (stage === "base") await expect(asked).rejects.toThrow(name);
  else expect((await asked).words).toHaveLength(2);
});
