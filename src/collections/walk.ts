import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

export interface Walk {
  /** Paths that begin with the folder's own, in order. */
  files: string[];
  /** Subfolders and links that could not be read, with the system's reason. */
  failures: { path: string; reason: string }[];
}

export interface WalkOptions {
  /** Whether a file of this name is wanted. */
  accepts: (name: string) => boolean;
  /** The entries of a folder. @default the file system's */
  read?: (folder: string) => Promise<Dirent[]>;
}

/**
 * Finds files in a folder and its subfolders; what cannot be read below it is reported and not fatal. Links are
 * followed. A folder is read once, however many links lead to it, so that a link to a folder above comes to an end.
 * @throws the system's error where the folder itself cannot be read.
 */
export async function walk(root: string, { accepts, read = readFolder }: WalkOptions): Promise<Walk> {
  const found: Walk = { files: [], failures: [] };
  const seen = new Set<string>();
  const folders: string[] = [];
  const links: string[] = [];

  async function visit(folder: string): Promise<void> {
    const real = await realpath(folder);
    if (seen.has(real)) return;
    seen.add(real);
    for (const entry of await read(folder)) {
      const path = join(folder, entry.name);
      await attempt(path, () => add(entry, path));
    }
  }

  async function add(entry: Dirent, path: string): Promise<void> {
    const isLink = entry.isSymbolicLink();
    const target = isLink ? await stat(path) : entry;
    if (target.isDirectory()) (isLink ? links : folders).push(path);
    else if (target.isFile() && accepts(entry.name)) found.files.push(path);
  }

  async function attempt(path: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      found.failures.push({ path, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  // Links come last, and in order: which of a folder's paths its files go by must not change from run to run.
  const next = (): string | undefined => folders.pop() ?? links.sort().shift();
  await visit(root);
  for (let folder = next(); folder !== undefined; folder = next()) {
    const path = folder;
    await attempt(path, () => visit(path));
  }
  found.files.sort();
  return found;
}

function readFolder(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true });
}
