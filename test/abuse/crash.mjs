// node test/abuse/crash.mjs --items 10000 --kills 10
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createEmbeddedStore } from "../../dist/collections/embedded-store.js";
import { runProgram } from "./program.mjs";

const ABOUT = `Kills a process that writes into a collection at random moments (SIGKILL), again and again.
Every item whose upsert was acknowledged must be there, none twice, and the store must open each time.`;
const writer = fileURLToPath(new URL("./crash-writer.mjs", import.meta.url));
const acknowledged = new Set();
const report = { kills: 0, opened: 0, missing: 0, duplicates: 0, stored: 0 };

await runProgram(
  ABOUT,
  {
    items: { default: 10_000, meaning: "items to store" },
    kills: { default: 10, meaning: "deaths of the writer" },
  },
  async ({ items, kills }) => {
    const folder = await mkdtemp(join(tmpdir(), "groundwire-crash-"));
    try {
      for (let round = 1; round <= kills + 1; round++) {
        // The last round is left to finish.
        const quota =
          round <= kills ? Math.floor((items / kills) * (round - 1 + Math.random() / 2)) : Infinity;
        await write(folder, items, quota);
        await check(folder, items);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return {
      counts: { items, ...report, acknowledged: acknowledged.size },
      rules: {
        "every writer was killed while it wrote": report.kills === kills,
        "the store opened each time": report.opened === kills + 1,
        "every acknowledged item was there each time": report.missing === 0,
        "none was there twice": report.duplicates === 0,
        "at the end all items are there": report.stored === items && acknowledged.size === items,
      },
    };
  },
);

/** Lets a writer store what is not yet acknowledged, and kills it shortly after `quota` items are. */
async function write(folder, items, quota) {
  const child = spawn(process.execPath, [writer, folder], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const open = Array.from({ length: items }, (_, i) => `item-${i}`).filter((id) => !acknowledged.has(id));
  child.stdin.end(open.join("\n"));
  let killed = false;
  for await (const id of createInterface({ input: child.stdout })) {
    acknowledged.add(id);
    if (killed || acknowledged.size < quota) continue;
    killed = true;
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 20);
  }
  const [, signal] = await ended;
  if (signal === "SIGKILL") report.kills += 1;
}

async function check(folder, items) {
  const store = createEmbeddedStore(folder);
  const collection = await store.find("crash");
  // Killed before the collection was made: then nothing can have been acknowledged.
  const found = collection ? await store.page(collection, { limit: items * 2 }) : [];
  report.opened += 1;
  const ids = new Set(found.map(({ id }) => id));
  report.stored = ids.size;
  report.duplicates += found.length - ids.size;
  report.missing += [...acknowledged].filter((id) => !ids.has(id)).length;
  await store.close();
}
