import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexPath, type IndexReport } from "../../src/collections/indexing.js";
import { reembed } from "../../src/collections/reembed.js";
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

function index(path: string, collection: string, more: object = {}): Promise<IndexReport> {
  return indexPath({ collections: gateway.server.services.collections, collection, path, ...more });
}

describe("a folder of pictures", () => {
  test("is indexed with its subfolders; what cannot be read is listed and not fatal", async () => {
    const report = await index(folder, "photos");
    expect(report).toMatchObject({ stored: 3, skipped: 0, failed: 1, total: 4 });
    expect(report.failures).toEqual([
      { id: "broken.jpg", reason: expect.stringMatching(/^must be an undamaged picture/) as string },
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
  expect(report).toMatchObject({ failed: 0, total: undefined });
  const { data } = await gateway.ask<{ collection: { items: { nodes: { id: string; text: string }[] } } }>(
    `{ collection(id: "phrases") { items { nodes { id text } } } }`,
  );
  const nodes = data?.collection.items.nodes ?? [];
  expect(nodes.map(({ text }) => text)).toEqual(["a cat", "a dog", long]);
  expect(nodes[2]?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await index(file, "phrases")).toMatchObject({ stored: 0, failed: 0 });
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
