import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import { RELATIONAL_FILES, type Manifest } from "../../src/bundle/manifest.js";
import { createPictureBundle, deriveBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { noise } from "../helpers/pictures.mjs";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const PICTURES = 300;
const BROKEN = ["a-broken.jpg", "photo-00150-broken.jpg", "z-broken.jpg"];
const BEYOND_WORDS: readonly string[] = RELATIONAL_FILES;

let bundle: PictureBundle;
let home: string;
let command: string[];
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  bundle = await createPictureBundle();
  home = await mkdtemp(join(tmpdir(), "groundwire-index-"));
  const photos = join(home, "photos");
  await mkdir(photos);
  const photo = await noise(800, 600).jpeg().toBuffer();
  const names = Array.from({ length: PICTURES }, (_, i) => `photo-${String(i).padStart(5, "0")}.jpg`);
  await writeFile(join(home, "photo.jpg"), photo);
  await Promise.all(names.map((name) => link(join(home, "photo.jpg"), join(photos, name))));
  await Promise.all(BROKEN.map((name) => writeFile(join(photos, name), photo.subarray(0, 5000))));
  command = [MAIN, "index", photos, "--collection", "photos"];
  env = { ...process.env, GROUNDWIRE_MODEL: bundle.directory, GROUNDWIRE_DATA_DIR: join(home, "data") };
});

afterAll(async () => {
  await bundle.remove();
  await rm(home, { recursive: true, force: true });
});

/** Ids of what is stored, by a reader of its own. */
async function stored(): Promise<string[]> {
  const store = createEmbeddedStore(join(home, "data"));
  const collection = await store.find("photos");
  const items = collection ? await store.page(collection, { limit: 10 * PICTURES }) : [];
  await store.close();
  return items.map(({ id }) => id);
}

test("`index` that is killed half-way goes on from there: every picture once, unreadable ones listed", async () => {
  const child = spawn(process.execPath, command, { env, stdio: "ignore" });
  const ended = once(child, "exit");
  while ((await stored()).length < PICTURES / 4 && child.exitCode === null) await sleep(20);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  const before = (await stored()).length;
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(PICTURES);

  const { status, stdout, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
  expect(stderr).not.toContain("Error");
  expect(status).toBe(0);
  const [summary, ...listed] = stdout.trim().split("\n");
  expect(summary).toBe(`photos: ${PICTURES - before} stored, ${before} there already, 3 left out`);
  expect(listed.map((line) => line.trim().split(":")[0]).sort()).toEqual(BROKEN);
  expect(listed.join()).toContain("must be an undamaged picture");
  const ids = await stored();
  expect(ids).toHaveLength(PICTURES);
  expect(new Set(ids).size).toBe(PICTURES);
});

test("`index` ends with 1 where items fail through no fault of their own, and does not call them unreadable", async () => {
  const manifest = JSON.parse(await readFile(join(bundle.directory, "manifest.json"), "utf8")) as Manifest;
  const kept = Object.entries(manifest.files).filter(([name]) => !BEYOND_WORDS.includes(name));
  const blind = await deriveBundle({}, { stage: "base", files: Object.fromEntries(kept) });
  await Promise.all(BEYOND_WORDS.map((name) => rm(join(blind.directory, name), { force: true })));
  const photos = join(home, "few");
  await mkdir(photos);
  await link(join(home, "photo.jpg"), join(photos, "photo.jpg"));
  await writeFile(join(photos, "two\nlines.jpg"), "");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [MAIN, "index", photos, "--collection", "few"],
    { env: { ...env, GROUNDWIRE_MODEL: blind.directory }, encoding: "utf8" },
  );
  expect(stderr).toContain("1 items failed; the same command goes on from there");
  expect(stdout).toContain("few: 0 stored, 0 there already, 1 left out, 1 failed");
  expect(stdout).toContain("photo.jpg: a picture needs a bundle with visual.onnx");
  expect(status).toBe(1);
  await blind.remove();
});

test("`index` gives a small queue no more texts than it holds", async () => {
  const file = join(home, "table.tsv");
  await writeFile(file, Array.from({ length: 8 }, (_, i) => `${i}\tnumber`).join("\n"));
  const { status, stdout } = spawnSync(process.execPath, [MAIN, "index", file, "--collection", "table"], {
    env: { ...env, GROUNDWIRE_MAX_QUEUE: "3" },
    encoding: "utf8",
  });
  expect(stdout.trim()).toBe("table: 8 stored, 0 there already, 0 left out");
  expect(status).toBe(0);
});
