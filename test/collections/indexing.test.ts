import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexPath, type IndexReport } from "../../src/collections/indexing.js";
import type { Collections } from "../../src/collections/collections.js";
import { reembed } from "../../src/collections/reembed.js";
import { GroundwireError } from "../../src/errors.js";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { createTestGateway, type TestGateway } from "../helpers/picture-gateway.js";
import { noise, plain } from "../helpers/pictures.mjs";

let files: PictureBundle;
let gateway: TestGateway;
let folder: string;

beforeAll(async () => {
  files = await createPictureBundle();
  gateway = await createTestGateway(files.directory);
  folder = await mkdtemp(join(tmpdir(), "groundwire-photos-"));
  await mkdir(join(folder, "deep", "er"), { recursive: true });
  await writeFile(join(folder, "red.png"), await plain("#e01010").png().toBuffer());
  await writeFile(join(folder, "deep", "green.JPG"), await plain("#10c010").jpeg().toBuffer());
  await writeFile(join(folder, "deep", "er", "blue.webp"), await plain("#1010e0").webp().toBuffer());
  await writeFile(join(folder, "broken.jpg"), (await noise().jpeg().toBuffer()).subarray(0, 3000));
  await writeFile(join(folder, "notes.txt"), "no picture, and not taken for one");
});

afterAll(async () => {
  await gateway.close();
  await Promise.all([rm(folder, { recursive: true }), files.remove()]);
});

/** Ids and texts of what a collection has. */
async function itemsOf(collection: string): Promise<{ id: string; text: string | null }[]> {
  const { collections } = gateway.server.services;
  const items = await collections.page(await collections.get(collection), { limit: 1000 });
  return items.map(({ id, text }) => ({ id, text }));
}

async function idsOf(collection: string): Promise<string[]> {
  return (await itemsOf(collection)).map(({ id }) => id);
}

function index(path: string, collection: string, more: object = {}): Promise<IndexReport> {
  return indexPath({ collections: gateway.server.services.collections, collection, path, ...more });
}

describe("a folder of pictures", () => {
  test("is indexed with its subfolders; what cannot be read is listed and not fatal", async () => {
    const report = await index(folder, "photos");
    expect(report).toMatchObject({ stored: 3, skipped: 0, failed: 1, total: 4 });
    expect(report.failures).toEqual([
      {
        id: "broken.jpg",
        reason: expect.stringMatching(/^must be an undamaged picture/) as string,
        permanent: true,
      },
    ]);
    const { data } = await gateway.ask(`{ collection(id: "photos") { kind items { nodes { id } } } }`);
    expect(data).toEqual({
      collection: {
        kind: "IMAGES",
        items: { nodes: [{ id: "deep/er/blue.webp" }, { id: "deep/green.JPG" }, { id: "red.png" }] },
      },
    });
  });

  test("is passed over where it is indexed already, but for files that changed", async () => {
    const seen = gateway.server.services.visual.stats().pictures;
    expect(await index(folder, "photos")).toMatchObject({ stored: 0, skipped: 3, failed: 1 });
    expect(gateway.server.services.visual.stats().pictures).toBe(seen);
    await utimes(join(folder, "red.png"), new Date(), new Date(2030, 1, 1));
    expect(await index(folder, "photos")).toMatchObject({ stored: 1, skipped: 2, failed: 1 });
    expect(await index(folder, "photos", { force: true })).toMatchObject({
      stored: 3,
      skipped: 0,
      failed: 1,
    });
  });

  test("that was interrupted goes on where it was", async () => {
    const many = await mkdtemp(join(tmpdir(), "groundwire-many-"));
    const picture = await plain("#336699").png().toBuffer();
    for (let i = 0; i < 150; i++) await writeFile(join(many, `${i}.png`), picture);
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    const first = await index(many, "many", { onProgress: stop, signal: controller.signal });
    expect(first.stored).toBeGreaterThan(0);
    expect(first.stored).toBeLessThan(150);
    const second = await index(many, "many");
    expect(second).toMatchObject({ stored: 150 - first.stored, skipped: first.stored, failed: 0 });
    await rm(many, { recursive: true });
  });

  test("is searched through links, and a link that leads nowhere is listed", async () => {
    const linked = await mkdtemp(join(tmpdir(), "groundwire-links-"));
    await symlink(join(folder, "red.png"), join(linked, "picture.png"));
    await symlink(join(folder, "deep"), join(linked, "album"));
    await symlink(join(folder, "absent"), join(linked, "gone"));
    const report = await index(linked, "linked");
    expect(report).toMatchObject({ stored: 3, skipped: 0, failed: 1, total: 4 });
    expect(report.failures).toEqual([
      { id: "gone", reason: expect.stringMatching(/^cannot be read: ENOENT/) as string, permanent: true },
    ]);
    expect(await idsOf("linked")).toEqual(["album/er/blue.webp", "album/green.JPG", "picture.png"]);
    expect(await index(linked, "linked")).toMatchObject({ stored: 0, skipped: 3, failed: 1 });
    await rm(linked, { recursive: true });
  });

  test("may have a file whose path is no id: it is left out", async () => {
    const odd = await mkdtemp(join(tmpdir(), "groundwire-odd-"));
    await writeFile(join(odd, "two\nlines.png"), await plain("#336699").png().toBuffer());
    const { failures } = await index(odd, "odd");
    expect(failures).toMatchObject([{ reason: expect.stringMatching(/^path must be 1 to 512/) as string }]);
    expect(failures[0]?.permanent).toBe(true);
    await rm(odd, { recursive: true });
  });

  test("does not fit a collection of texts", async () => {
    await gateway.ask(`mutation { createCollection(id: "words", kind: TEXTS) { id } }`);
    await expect(index(folder, "words")).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
  });
});

test("a file of phrases becomes one item a line; empty lines and repetitions add nothing", async () => {
  const file = join(folder, "phrases.txt");
  const long = `${"very ".repeat(200)}long`;
  await writeFile(file, `a dog\r\n\r\n  a cat  \na dog\n${long}\n`);
  const report = await index(file, "phrases");
  expect(report).toMatchObject({ failed: 0, truncated: 1, total: undefined });
  const { data } = await gateway.ask<{ collection: { items: { nodes: { id: string; text: string }[] } } }>(
    `{ collection(id: "phrases") { items { nodes { id text } } } }`,
  );
  const nodes = data?.collection.items.nodes ?? [];
  expect(nodes.map(({ text }) => text)).toEqual(["a cat", "a dog", long]);
  expect(nodes[2]?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await index(file, "phrases")).toMatchObject({ stored: 0, failed: 0 });
});

test("a line with a tab is stored, by its hash; texts that are valid ids keep them", async () => {
  const file = join(folder, "table.tsv");
  await writeFile(file, "dog\tHund\ncat\tKatze\ndog\n");
  expect(await index(file, "table")).toMatchObject({ stored: 3, failed: 0 });
  const items = await itemsOf("table");
  expect(items).toContainEqual({ id: "dog", text: "dog" });
  const hashed = items.filter(({ id }) => /^sha256:[0-9a-f]{64}$/.test(id)).map(({ text }) => text);
  expect(hashed.sort()).toEqual(["cat\tKatze", "dog\tHund"]);
  expect(await index(file, "table")).toMatchObject({ stored: 0, skipped: 3, failed: 0 });
});

test("a picture is indexed as a folder that has it alone would be", async () => {
  expect(await index(join(folder, "deep", "green.JPG"), "single")).toMatchObject({ stored: 1, total: 1 });
  expect(await idsOf("single")).toEqual(["green.JPG"]);
});

test("a file that is neither texts nor a picture is refused, and leaves no collection", async () => {
  const file = join(folder, "photo.heic");
  await writeFile(file, Buffer.from([0, 0, 0, 24, 102, 116, 121, 112]));
  await expect(index(file, "nonsense")).rejects.toMatchObject({
    code: "BAD_USER_INPUT",
    message: expect.stringContaining("a picture (.jpg, .jpeg, .png, .webp) or a text in UTF-8") as string,
  });
  expect(await gateway.server.services.collections.find("nonsense")).toBeUndefined();
});

test.each([1, 5])("no text is refused by a queue of %i", async (maxQueue) => {
  const small = await createTestGateway(files.directory, { GROUNDWIRE_MAX_QUEUE: String(maxQueue) });
  const file = join(folder, "many.txt");
  await writeFile(file, Array.from({ length: 8 }, (_, i) => `text of number ${i}`).join("\n"));
  const { collections } = small.server.services;
  const report = await indexPath({ collections, collection: "many", path: file, maxQueue });
  expect(report).toMatchObject({ stored: 8, failed: 0 });
  await small.close();
});

test("an item that fails through no fault of its own is told from one that is wrong itself", async () => {
  const codes = ["OVERLOADED", "TEXT_TOO_LONG", "TIMEOUT", "INTERNAL"] as const;
  const cause = new Error("the disk is full");
  const upsertTexts = (): Promise<GroundwireError[]> =>
    Promise.resolve(codes.map((code) => new GroundwireError(code, `items[0].text ${code}`, { cause })));
  const collections = { ...gateway.server.services.collections, upsertTexts } as Collections;
  const file = join(folder, "four.txt");
  await writeFile(file, codes.join("\n"));
  const { failures } = await indexPath({ collections, collection: "four", path: file });
  expect(failures).toEqual([
    { id: "OVERLOADED", reason: "OVERLOADED", permanent: false },
    { id: "TEXT_TOO_LONG", reason: "TEXT_TOO_LONG", permanent: true },
    { id: "TIMEOUT", reason: "TIMEOUT", permanent: false },
    { id: "INTERNAL", reason: "the disk is full", permanent: false },
  ]);
});

test("a path that does not exist is one clear error", async () => {
  await expect(index(join(folder, "absent"), "photos")).rejects.toMatchObject({
    code: "BAD_USER_INPUT",
    message: expect.stringContaining("path must be a folder or a file") as string,
  });
});

describe("a collection of another model", () => {
  test("is refused with the command that mends it, and after that command answers again", async () => {
    await index(folder, "aging");
    await index(join(folder, "phrases.txt"), "aging-texts");
    const renewed = await createPictureBundle("f".repeat(64));
    const later = await createTestGateway(renewed.directory, { GROUNDWIRE_DATA_DIR: gateway.dataDir });
    const query = `{ searchImages(collection: "aging", query: { text: "a red thing" }) { nodes { id } } }`;
    const refused = await later.ask(query);
    expect(refused.errors?.[0]).toMatchObject({ extensions: { code: "MODEL_MISMATCH" } });
    expect(refused.errors?.[0]?.message).toContain("run: groundwire reembed aging");
    const write = `mutation { upsertTexts(collection: "aging-texts", items: [{ id: "1", text: "a" }]) { id } }`;
    expect((await later.ask(write)).errors?.[0]?.extensions.code).toBe("MODEL_MISMATCH");

    const services = { ...later.server.services, maxQueue: 1024 };
    expect(await reembed("aging", services)).toEqual({ changed: true, items: 3, lost: [] });
    expect(await reembed("aging", services)).toEqual({ changed: false, items: 3, lost: [] });
    expect(await reembed("aging-texts", services)).toMatchObject({ changed: true, items: 3 });
    const { data } = await later.ask<{ searchImages: { nodes: { id: string }[] } }>(query);
    expect(data?.searchImages.nodes.map(({ id }) => id).sort()).toEqual([
      "deep/er/blue.webp",
      "deep/green.JPG",
      "red.png",
    ]);
    const old = await gateway.ask(`{ collection(id: "aging") { current fingerprint } }`);
    expect(old.data).toEqual({ collection: { current: false, fingerprint: "f".repeat(64) } });
    await later.close();
    await renewed.remove();
  }, 120_000);
});
