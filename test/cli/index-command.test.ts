import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { noise } from "../helpers/pictures.mjs";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const PICTURES = 300;
const BROKEN = ["a-broken.jpg", "photo-00150-broken.jpg", "z-broken.jpg"];

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
  expect(summary).toBe(`photos: ${PICTURES - before} stored, ${before} there already, 3 could not be read`);
  expect(listed.map((line) => line.trim().split(":")[0]).sort()).toEqual(BROKEN);
  expect(listed.join()).toContain("must be an undamaged picture");
  const ids = await stored();
  expect(ids).toHaveLength(PICTURES);
  expect(new Set(ids).size).toBe(PICTURES);
});
