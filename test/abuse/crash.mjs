// Kills a process that writes into a collection, again and again, and looks each time at what is there.
//
//     npm run build:gateway && node test/abuse/crash.mjs --items 10000 --kills 10
//
// Every item whose upsert was acknowledged must be there, none twice, and the store must open each time. Prints one
// line of JSON; the exit status is 1 where any of it does not hold.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createEmbeddedStore } from "../../dist/collections/embedded-store.js";

const { values } = parseArgs({
  options: { items: { type: "string", default: "10000" }, kills: { type: "string", default: "10" } },
});
const items = Number(values.items);
const kills = Number(values.kills);
const writer = fileURLToPath(new URL("./crash-writer.mjs", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "groundwire-crash-"));
const acknowledged = new Set();
const report = { items, kills: 0, opened: 0, missing: 0, duplicates: 0, acknowledged: 0, stored: 0 };

try {
  for (let round = 1; round <= kills + 1; round++) {
    // The last round is left to finish.
    const quota = round <= kills ? Math.floor((items / kills) * (round - 1 + Math.random() / 2)) : Infinity;
    await write(quota);
    await check();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
report.acknowledged = acknowledged.size;
console.log(JSON.stringify(report));
const complete = report.stored === items && report.acknowledged === items && report.kills === kills;
process.exitCode = complete && report.missing === 0 && report.duplicates === 0 ? 0 : 1;

/** Lets a writer store what is not yet acknowledged, and kills it shortly after `quota` items are. */
async function write(quota) {
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

async function check() {
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
