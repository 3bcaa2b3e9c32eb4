// Set-up shared by `npm start` and `npm test`: each function does nothing when its work is already done.
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const onWindows = process.platform === "win32";
const venv = join(root, "training", ".venv");

/** The training environment's interpreter, whether or not it is there yet. */
export const venvPython = join(venv, onWindows ? "Scripts/python.exe" : "bin/python");

/**
 * Runs a command in the repository root; its output goes to standard error, so that standard output stays ours.
 * @param {{env?: object, stdout?: number, quiet?: boolean}} options quiet: the output is shown only where it fails
 */
export function run(command, args, { env = process.env, stdout = 2, quiet = false } = {}) {
  const stdio = quiet ? ["ignore", "pipe", "pipe"] : ["ignore", stdout, 2];
  const result = spawnSync(command, args, { cwd: root, env, stdio });
  if (result.error) throw result.error;
  if (quiet && result.status !== 0) process.stderr.write(Buffer.concat([result.stdout, result.stderr]));
  return result.status ?? 1;
}

/** npm as the caller's npm, which also works where `npm` is a .cmd file. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli
    ? run(process.execPath, [cli, ...args], options)
    : run(onWindows ? "npm.cmd" : "npm", args, options);
}

export function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`groundwire needs Node >= 20.19; this is ${process.version}`);
}

export function ensureInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && modified(installed) >= modified(join(root, "package-lock.json"))) return;
  note("installing packages (once; about half a minute)");
  if (npm(["ci", "--include=dev"], { quiet: true }) !== 0) fail("npm ci failed; its output stands above");
}

export function ensureBuilt() {
  const stamp = join(root, "dist", ".built");
  const sources = [
    ...filesBelow(join(root, "explorer")).filter((file) => !/[\\/](dist|node_modules|test)[\\/]/.test(file)),
    ...filesBelow(join(root, "sdk", "src")),
    ...filesBelow(join(root, "src")),
    join(root, "tsconfig.json"),
    join(root, "tsconfig.build.json"),
  ];
  const digest = fingerprint(sources);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  note("building");
  if (npm(["run", "--silent", "build:gateway"], { quiet: true }) !== 0)
    fail("the build failed; its output stands above");
  writeFileSync(stamp, digest);
}

/**
 * Makes training/.venv with the pinned packages.
 * @returns false where no Python >= 3.11 is found.
 */
export function ensureTraining() {
  const wanted = fingerprint(
    ["constraints.txt", "pyproject.toml"].map((name) => join(root, "training", name)),
  );
  const stamp = join(venv, ".groundwire");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return true;
  const python = findPython();
  if (!python) return false;
  note("installing the Python packages for training (once; some minutes)");
  if (!existsSync(venvPython) && run(python, ["-m", "venv", venv]) !== 0)
    fail("could not make training/.venv");
  const install = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "-c",
    "training/constraints.txt",
    "-e",
    "training[base,dev]",
  ];
  if (run(venvPython, install) !== 0) fail("pip install failed; its output stands above");
  writeFileSync(stamp, wanted);
  return true;
}

export function note(message) {
  process.stderr.write(`groundwire: ${message}\n`);
}

export function fail(message) {
  note(message);
  process.exit(1);
}

function findPython() {
  const names = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"];
  const check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
  return names.find((name) => spawnSync(name, ["-c", check], { stdio: "ignore" }).status === 0);
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file));
  return hash.digest("hex");
}

function modified(file) {
  return statSync(file).mtimeMs;
}

/** A fresh folder for what one test run writes; ignored by git. */
export function scratch(name) {
  const folder = join(root, "dist", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
