import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * A script that threads or processes are started from: compiled JavaScript, which lies in dist/ where the caller is a
 * TypeScript source, as in tests.
 * @param path below src/, without its ending
 * @throws Error where it has not been built.
 */
export function builtScript(path: string): URL {
  const places = [`./${path}.js`, `../dist/${path}.js`].map((place) => new URL(place, import.meta.url));
  const found = places.find((url) => existsSync(fileURLToPath(url)));
  if (!found) throw new Error(`dist/${path}.js is missing: run \`npm run build:gateway\` first`);
  return found;
}
