import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Encoded } from "../../src/inference/encoder.js";
import { halves, plain } from "../helpers/pictures.mjs";
import { startRelationServer, type RelationServer } from "../helpers/relation-server.js";

interface Word {
  text: string;
  score: number;
  values: number[];
  box: { x: number; y: number; width: number; height: number };
}

vi.setConfig({ hookTimeout: 180_000 });

let server: RelationServer;
let image: string;

beforeAll(async () => {
  server = await startRelationServer();
  image = (await halves().png().toBuffer()).toString("base64");
});

afterAll(() => server.stop());

const QUERY = `query ($image: Image!, $text: String!) {
  ground(image: $image, text: $text) {
    score rows columns truncated words { text score values box { x y width height } } } }`;

test("every word has the map of its tokens' inner products with the photo", async () => {
  const text = "a brown dog";
  const { data, errors } = await server.ask(QUERY, { image, text });
  expect(errors).toBeUndefined();
  const found = data?.ground as { score: number; rows: number; columns: number; words: Word[] };
  expect([found.rows, found.columns]).toEqual([7, 7]);
  expect(found.words.map(({ text }) => text)).toEqual(["a", "brown", "dog"]);
  const [photo] = await server.services.visual.encode([image], { withGrid: true });
  const [tokens] = await server.services.encoder.encode([text], { output: "tokens" });
  const { grid } = photo as { grid: Float32Array };
  const { vector } = tokens as Encoded;
  // [CLS] a brown dog [SEP]: "dog" is token 3.
  const dog = Array.from({ length: 49 }, (_, position) => {
    const at = vector.subarray(3 * 384, 4 * 384);
    return at.reduce((sum, value, d) => sum + value * (grid[position * 384 + d] as number), 0);
  });
  const [least, most] = [Math.min(...dog), Math.max(...dog)];
  const word = found.words[2] as Word;
  expect(word.score).toBeCloseTo(most, 2);
  for (const [i, value] of word.values.entries())
    expect(value).toBeCloseTo(((dog[i] as number) - least) / (most - least), 3);
});

test("a word's box is on the half of the photo that fits it", async () => {
  const { data } = await server.ask(QUERY, { image, text: "dog" });
  const [word] = (data?.ground as { words: Word[] }).words as [Word];
  const left = word.values[21] as number;
  const right = word.values[27] as number;
  expect(left > right ? word.box.x : word.box.x + word.box.width).toBe(left > right ? 0 : 1);
  expect(word.box.width).toBeLessThanOrEqual(4 / 7);
  expect(word.box.height).toBe(1);
});

test("the overlay is a PNG with one panel a word, or of one word alone", async () => {
  const query = `query ($image: Image!) { ground(image: $image, text: "a dog") { all: overlay one: overlay(word: 1) } }`;
  const { data } = await server.ask(query, { image });
  const { all, one } = data?.ground as { all: string; one: string };
  const [both, single] = await Promise.all(
    [all, one].map((png) => sharp(Buffer.from(png, "base64")).metadata()),
  );
  expect([both?.format, single?.format]).toEqual(["png", "png"]);
  expect(both?.width).toBe(2 * (single?.width ?? 0) + 6);
  expect(both?.height).toBe(single?.height);
});

test("a hot position is tinted and a cold one is not", async () => {
  const gray = (await plain("#808080", 70, 70).png().toBuffer()).toString("base64");
  const query = `query ($image: Image!) { ground(image: $image, text: "dog") { overlay words { values } } }`;
  const flat = (await server.ask(query, { image: gray })).data?.ground as { overlay: string };
  const pixels = await sharp(Buffer.from(flat.overlay, "base64"))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = pixels.info;
  const center = ((height - Math.floor(width / 2)) * width + Math.floor(width / 2)) * channels;
  // One color everywhere: a flat map hides nothing.
  expect([...pixels.data.subarray(center, center + 3)]).toEqual([128, 128, 128]);
});

test("a bad word index, a bad picture and an empty text are one error each", async () => {
  const { errors } = await server.ask(
    `query ($image: Image!) {
      a: ground(image: $image, text: "dog") { overlay(word: 5) }
      b: ground(image: "AAAA", text: "dog") { score }
      c: ground(image: $image, text: " ") { score } }`,
    { image },
  );
  expect(errors?.map(({ message }) => message.split(",")[0]).sort()).toEqual([
    "image must be one of JPEG",
    "text must not be empty",
    "word must be an index of the 1 words",
  ]);
});
