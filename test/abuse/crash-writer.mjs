// The victim of crash.mjs: stores the items that standard input names and says which are durable, one id a line.
import { createInterface } from "node:readline";
import { createEmbeddedStore } from "../../dist/collections/embedded-store.js";

/** Upserts under way at once, each a call of its own. */
const IN_FLIGHT = 16;
const DIMENSION = 16;
const [folder] = process.argv.slice(2);
const store = createEmbeddedStore(folder);
const stamp = { model: "crash", fingerprint: "c".repeat(64), dimension: DIMENSION };
const collection = (await store.create("crash", "TEXTS", stamp)) ?? (await store.find("crash"));

const ids = [];
for await (const id of createInterface({ input: process.stdin })) ids.push(id);
await Promise.all(Array.from({ length: IN_FLIGHT }, work));
await store.close();

async function work() {
  for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
    const vector = new Float32Array(DIMENSION).fill(1 / Math.sqrt(DIMENSION));
    await store.upsert(collection, [{ id, text: `text of ${id}`, picture: null, metadata: [], vector }]);
    process.stdout.write(`${id}\n`);
  }
}
