import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";

/** Built from explorer/, which lies where it does for src/ and for dist/. */
const BUILT = fileURLToPath(new URL("../../explorer/dist/", import.meta.url));
const PAGE = "index.html";
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};
/** Names of all but the page hold a hash of what is inside. */
const FOREVER = "public, max-age=31536000, immutable";

/** The page at `/` and its few files, kept in memory. It holds no data: what it asks goes through /graphql. */
export function registerExplorer(app: FastifyInstance, folder = BUILT): void {
  if (!existsSync(join(folder, PAGE))) {
    app.log.warn("the explorer is not built: `npm run build` makes the page at /");
    return;
  }
  for (const file of filesBelow(folder)) {
    const content = readFileSync(join(folder, file));
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const isPage = file === PAGE;
    app.get(isPage ? "/" : `/${file}`, (_request, reply) =>
      reply
        .type(type)
        .header("cache-control", isPage ? "no-cache" : FOREVER)
        .send(content),
    );
  }
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"));
}
