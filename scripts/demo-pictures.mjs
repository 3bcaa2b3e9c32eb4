// A small openly licensed picture set: Fluent Emoji 3D by Microsoft (MIT), which arrives as an npm package.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fail, note, npm, root } from "./setup.mjs";

const PACKAGE = "@lobehub/fluent-emoji-3d";
const VERSION = "1.1.0";
const HOME = join(root, "data", "demo-pictures");
export const demoPictures = join(HOME, "pictures");
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

/** Fetches the set where it is not there yet; the pictures then lie in `demoPictures` under their names. */
export function ensureDemoPictures() {
  const assets = fetchPackage();
  mkdirSync(demoPictures, { recursive: true });
  // An item's id is its file's name.
  for (const [name, code] of Object.entries(PICTURES))
    copyFileSync(join(assets, `${code}.webp`), join(demoPictures, `${name}.webp`));
}

function fetchPackage() {
  const assets = join(HOME, "node_modules", PACKAGE, "assets");
  if (existsSync(assets)) return assets;
  note(`fetching ${PACKAGE} ${VERSION} (16 MB, MIT license)`);
  mkdirSync(HOME, { recursive: true });
  const wanted = [
    "install",
    "--no-save",
    "--omit=peer",
    "--ignore-scripts",
    "--prefix",
    HOME,
    `${PACKAGE}@${VERSION}`,
  ];
  if (npm(wanted, { quiet: true }) !== 0) fail(`could not fetch ${PACKAGE}; npm's output stands above`);
  return assets;
}
