import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { run as ground } from "../../src/cli/ground.js";
import { run as relations } from "../../src/cli/relations.js";
import type { PictureBundle } from "../helpers/picture-bundle.js";
import { halves } from "../helpers/pictures.mjs";
import { createRelationBundle } from "../helpers/relation-bundle.js";

/** Each command starts the model anew. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let bundle: PictureBundle;
let folder: string;
const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
vi.spyOn(console, "error").mockImplementation(() => undefined);

beforeAll(async () => {
  bundle = await createRelationBundle();
  folder = await mkdtemp(join(tmpdir(), "groundwire-cli-"));
});

afterEach(() => log.mockClear());

afterAll(async () => {
  await bundle.remove();
  await rm(folder, { recursive: true });
});

function printed(): string {
  return log.mock.calls.map(([line]) => String(line)).join("\n");
}

test("`relations man horse` prints predicates with their shares and what training saw", async () => {
  await relations(["man", "horse", "--model", bundle.directory]);
  const lines = printed().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines.find((line) => line.startsWith("ride"))).toMatch(/^ride +\d+\.\d % {2}seen 12 times$/);
  expect(lines.find((line) => line.startsWith("above"))).toMatch(/ % {2}inferred$/);
});

test("`relations man ? --predicate ride --json` prints what completes the triple", async () => {
  await relations([
    ...["man", "?", "--predicate", "riding", "--first", "3"],
    ...["--json", "--model", bundle.directory],
  ]);
  const hits = JSON.parse(printed()) as { text: string; rank: number }[];
  expect(hits.map(({ rank }) => rank)).toEqual([1, 2, 3]);
});

test("`ground` prints every word's place and writes the overlay", async () => {
  const photo = join(folder, "photo.jpg");
  const out = join(folder, "out.png");
  await writeFile(photo, await halves().jpeg().toBuffer());
  await ground([photo, "a dog on grass", "-o", out, "--model", bundle.directory]);
  const [score, ...words] = printed().split("\n");
  expect(score).toMatch(/^score -?\d+\.\d{3}$/);
  expect(words.map((line) => line.split(" ")[0])).toEqual(["a", "dog", "on", "grass"]);
  expect((await sharp(await readFile(out)).metadata()).format).toBe("png");
});

test("wrong arguments are refused before the model is loaded", async () => {
  await expect(relations(["man"])).rejects.toThrow(
    "relations takes a subject and an object, has 1 arguments",
  );
  await expect(relations(["man", "horse", "--first", "x"])).rejects.toThrow("--first must be a whole number");
  await expect(relations(["man", "?"])).rejects.toThrow("? in place of the subject or the object needs");
  await expect(relations(["man", "?", "--predicate", "on", "--image", "a.jpg"])).rejects.toThrow(
    "--image relates two things in a photo and does not go with --predicate",
  );
  await expect(ground(["photo.jpg"])).rejects.toThrow("ground takes a photo and a text, has 1 arguments");
});

test("a file that is no picture is one clear error", async () => {
  const path = join(folder, "missing.png");
  await expect(ground([path, "a dog", "--model", bundle.directory])).rejects.toThrow(
    `${path} cannot be read`,
  );
});
