// node test/abuse/pictures.mjs --rounds 100
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, startGateway } from "../../bench/harness.mjs";
import { createEmbeddedStore } from "../../dist/collections/embedded-store.js";
import { plain } from "../helpers/pictures.mjs";
import { badCalls, OLDER, searchImages, upsertImages } from "./call-kinds.mjs";
import { badPictures, oddPictures } from "./picture-kinds.mjs";
import { metric, runProgram } from "./program.mjs";

const ABOUT = `Sends every kind of bad picture, as an item among good ones and as a query, pictures out of the ordinary, and every
kind of bad collection call, round after round. Each must get its code, each good neighbor its place, and the gateway's
memory must grow by less than 20 MB once every kind has been seen.`;
const MAX_GROWTH_MB = 20;

/**
 * @typedef {{name: string, body: string, code: string, data?: object}} Kind
 * `code` is `ok` where the answer must have no errors; `data` is what it must have.
 */

await runProgram(
  ABOUT,
  { rounds: { default: 100, meaning: "times that each kind is sent" } },
  async ({ rounds }) => {
    const folder = await mkdtemp(join(tmpdir(), "groundwire-pictures-"));
    const older = createEmbeddedStore(folder);
    await older.create(OLDER.id, "TEXTS", OLDER.stamp);
    await older.close();
    const gateway = await startGateway({ DATA_DIR: folder, MAX_TEXTS: 8, LOG_LEVEL: "silent" });
    try {
      const kinds = await prepare(gateway.url);
      const wrong = new Map();
      const residentMb = [];
      for (let round = 0; round < rounds; round++) {
        for (const kind of kinds) await judgeOne(gateway.url, kind, wrong);
        residentMb.push((await metric(gateway.url, "process_resident_memory_bytes")) / 2 ** 20);
      }
      const tenth = Math.ceil(rounds / 10);
      const start = median(residentMb.slice(tenth, 2 * tenth));
      const growthMb = Math.round(median(residentMb.slice(-tenth)) - start);
      const stored = await items(gateway.url);
      return {
        counts: {
          kinds: kinds.length,
          rounds,
          requests: kinds.length * rounds,
          residentMb: Math.round(start),
          growthMb,
          wrong: Object.fromEntries(wrong),
          stored,
        },
        rules: {
          "at least twenty kinds of bad picture and call": badPictures.length + badCalls.length >= 20,
          "each kind gets its code, and its good neighbors are served": wrong.size === 0,
          "nothing bad was stored": stored.join() === expectedItems().join(),
          "memory grows by less than 20 MB": growthMb < MAX_GROWTH_MB,
        },
      };
    } finally {
      await gateway.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/** Makes the collections that the kinds are about, and the requests of every kind. */
async function prepare(url) {
  const good = (await plain("#336699").png().toBuffer()).toString("base64");
  await ask(
    url,
    body(`mutation {
      a: createCollection(id: "pictures", kind: IMAGES) { id }
      b: createCollection(id: "texts", kind: TEXTS) { id }
    }`),
  );
  const pictures = await Promise.all([
    ...badPictures.map(async ([name, make, code]) => pictureKinds(name, await make(), code, good)),
    ...oddPictures.map(async ([name, make]) => pictureKinds(name, await make(), "ok", good)),
  ]);
  const calls = badCalls.map(([name, query, variables, code]) => ({
    name,
    body: body(query, variables),
    code,
  }));
  return [...pictures.flat(), ...calls, twice(good)];
}

/** A picture between two good ones, and as a query. */
function pictureKinds(name, made, code, good) {
  const image = Buffer.isBuffer(made) ? made.toString("base64") : made;
  const list = [
    { id: "first", image: good },
    { id: code === "ok" ? name : "bad", image },
    { id: "last", image: good },
  ];
  const upserted = list.map(({ id }) => (id === "bad" ? null : { id }));
  return [
    { name, body: body(upsertImages, { items: list }), code, data: { upsertImages: upserted } },
    { name: `${name} as a query`, body: body(searchImages, { query: { image } }), code },
  ];
}

/** The same id twice in one call: the later one stays. */
function twice(good) {
  const list = [
    { id: "first", image: good },
    { id: "first", image: good },
  ];
  return { name: "one id twice", body: body(upsertImages, { items: list }), code: "ok" };
}

function expectedItems() {
  return ["first", "last", ...oddPictures.map(([name]) => name)].sort();
}

async function items(url) {
  const { data } = await ask(url, body(`{ collection(id: "pictures") { items { nodes { id } } } }`));
  return data.collection.items.nodes.map(({ id }) => id);
}

async function judgeOne(url, { name, body, code, data: wanted }, wrong) {
  const { data, errors = [] } = await ask(url, body);
  const codes = errors.length === 0 ? "ok" : errors.map(({ extensions }) => extensions?.code).join();
  const served = !wanted || JSON.stringify(data) === JSON.stringify(wanted);
  if (codes !== code || !served) wrong.set(name, served ? codes : JSON.stringify(data));
}

function body(query, variables = {}) {
  return JSON.stringify({ query, variables });
}

async function ask(url, payload) {
  const headers = { "content-type": "application/json" };
  return (await fetch(url, { method: "POST", headers, body: payload })).json();
}
