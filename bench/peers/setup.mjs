// Installs the peers' pinned packages, once; nothing of theirs enters the product.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", 2, 2] });
  if (error || status !== 0) throw new Error(`${command} ${args.join(" ")} failed in ${cwd}`);
}

/** @returns the folder of the transformers.js server */
export function ensureTransformers() {
  const folder = join(here, "transformers");
  if (!existsSync(join(folder, "node_modules", ".package-lock.json"))) run("npm", ["ci"], folder);
  return folder;
}

/** @returns the interpreter of the search libraries' environment */
export function ensureSearch() {
  const folder = join(here, "search");
  const python = join(folder, ".venv", "bin", "python");
  if (existsSync(join(folder, ".venv", "installed"))) return python;
  run("python3", ["-m", "venv", ".venv"], folder);
  run(python, ["-m", "pip", "install", "--quiet", "-r", "requirements.txt"], folder);
  run(python, ["-c", "import gensim, usearch.index; open('.venv/installed', 'w').close()"], folder);
  return python;
}
