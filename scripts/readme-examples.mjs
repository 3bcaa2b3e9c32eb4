// `npm run readme`: runs the README's examples on the served bundle and writes their true output under them.
//
// A ```graphql block that is followed by a ```json block, and a ```sh block with `npx groundwire ...` or `npm run demo`
// that is followed by a ```text block, are an example with its output; pictures that commands write below docs/ are made
// anew too, and so are figures of the bundle's manifest, which stand after a comment with their path. `--check` writes
// nothing and fails where an output differs. Collections are below dist/, not the user's own.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demoPictures } from "./demo-pictures.mjs";
import { ensureBuilt, ensureInstalled, root, scratch } from "./setup.mjs";

ensureInstalled();
ensureBuilt();
const { format, resolveConfig } = await import("prettier");
const { readConfig } = await import("../dist/config.js");
const { createServer } = await import("../dist/server.js");

const EXAMPLE = /```(graphql|sh)\n([^`]*?)```\n\n```(json|text)\n[^`]*?```/g;
const check = process.argv.includes("--check");
const folder = scratch("readme");
const path = join(root, "README.md");
const readme = readFileSync(path, "utf8");
const environment = { GROUNDWIRE_DATA_DIR: folder };
const server = await createServer(readConfig({ ...environment, GROUNDWIRE_LOG_LEVEL: "silent" }));

let renewed = "";
let last = 0;
for (const { 0: whole, 1: kind, 2: source, 3: format, index } of readme.matchAll(EXAMPLE)) {
  const output = kind === "graphql" ? await query(source) : command(source);
  renewed +=
    readme.slice(last, index) + `\`\`\`${kind}\n${source}\`\`\`\n\n\`\`\`${format}\n${output}\n\`\`\``;
  last = index + whole.length;
}
renewed = await format(withMetrics(renewed + readme.slice(last)), {
  ...(await resolveConfig(path)),
  parser: "markdown",
});
await server.stop();

if (check) process.exit(renewed === readme ? 0 : 1);
writeFileSync(path, renewed);

/** A table's cell after `<!-- PATH -->` is that figure of the bundle's manifest, such as `shipped.zebraRank`. */
function withMetrics(text) {
  const { metrics } = server.services.bundle.manifest;
  return text.replace(/(<!-- ([\w.]+) -->) \S+/g, (_, mark, path) => {
    const figure = path.split(".").reduce((value, key) => value[key], metrics);
    return `${mark} ${Number.isInteger(figure) ? figure : figure.toFixed(3).replace("0.", ".")}`;
  });
}

async function query(source) {
  const response = await server.app.inject({
    method: "POST",
    url: "/graphql",
    headers: { "content-type": "application/json" },
    payload: JSON.stringify({ query: source, variables: variables(source) }),
  });
  return render(shorten(response.json()));
}

/** A variable `$dog` is that picture of the demo set, which an example before has fetched. */
function variables(source) {
  const names = [...source.matchAll(/\$(\w+): Image!/g)].map(([, name]) => name);
  const read = (name) => readFileSync(join(demoPictures, `${name}.webp`)).toString("base64");
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** Only the commands of this repository, in the shell's plainest form: `printf ... | npx groundwire NAME ARGS`. */
function command(source) {
  const node = `"${process.execPath}"`;
  const script = source
    .replaceAll("npx groundwire", `${node} "${join(root, "dist", "cli", "main.js")}"`)
    .replaceAll("npm run demo", `${node} "${join(root, "scripts", "demo.mjs")}"`)
    .replaceAll("-o docs/", check ? `-o ${folder}/` : "-o docs/");
  const env = { ...process.env, ...environment };
  const { stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: root, env, encoding: "utf8" });
  return shortenLine(stdout.trim() || stderr.trim());
}

/** Vectors are long, and similarities have more digits than meaning. */
function shorten(value) {
  if (Array.isArray(value)) return value.map(shorten);
  if (typeof value === "number") return Number(value.toFixed(4));
  if (typeof value === "string" && value.length > 200) return `${value.slice(0, 20)}...`;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "locations");
  return Object.fromEntries(entries.map(([key, item]) => [key, shorten(item)]));
}

function shortenLine(text) {
  return text.replace(/("vector":\[(?:[-\d.e]+,){2})[-\d.e,]+\]/g, "$1...]").replaceAll(root, ".");
}

/** JSON with one line for what fits in one; Prettier does the spaces. */
function render(value, indent = "") {
  const flat = JSON.stringify(value);
  if (flat.length + indent.length <= 90 || typeof value !== "object") return flat;
  const deeper = `${indent}  `;
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item) => render(item, deeper))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${render(item, deeper)}`);
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${items.map((item) => deeper + item).join(",\n")}\n${indent}${close}`;
}
