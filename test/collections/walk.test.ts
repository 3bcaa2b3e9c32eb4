import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { walk, type WalkOptions } from "../../src/collections/walk.js";

let folder: string;
let outside: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-walk-"));
  outside = await mkdtemp(join(tmpdir(), "groundwire-outside-"));
});

afterEach(() => Promise.all([folder, outside].map((each) => rm(each, { recursive: true }))));

async function make(root: string, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), "");
  }
}

async function find(options: Partial<WalkOptions> = {}) {
  const { files, failures } = await walk(folder, { accepts: () => true, ...options });
  const name = (path: string): string => relative(folder, path);
  return { files: files.map(name), failures: failures.map(({ path, reason }) => [name(path), reason]) };
}

test("files of all subfolders are found that are accepted by name", async () => {
  await make(folder, "b.png", "a/c.png", "a/d/e.png", "a/notes.txt");
  const accepts = (name: string): boolean => name.endsWith(".png");
  expect(await find({ accepts })).toEqual({ files: ["a/c.png", "a/d/e.png", "b.png"], failures: [] });
});

test("a subfolder that cannot be read is reported, and the others are read", async () => {
  await make(folder, "a.png", "lost+found/b.png", "z/c.png");
  // The administrator, as whom tests may run, may read all folders.
  const read: WalkOptions["read"] = (path) =>
    path.endsWith("lost+found")
      ? Promise.reject(new Error("EACCES: permission denied"))
      : readdir(path, { withFileTypes: true });
  expect(await find({ read })).toEqual({
    files: ["a.png", "z/c.png"],
    failures: [["lost+found", "EACCES: permission denied"]],
  });
});

test("a folder that cannot be read itself is an error", async () => {
  await expect(walk(join(folder, "absent"), { accepts: () => true })).rejects.toThrow("ENOENT");
});

test("links to files and folders are followed, and those that lead nowhere are reported", async () => {
  await make(outside, "album/x.png", "y.png");
  await symlink(join(outside, "album"), join(folder, "linked"));
  await symlink(join(outside, "y.png"), join(folder, "y.png"));
  await symlink(join(outside, "gone.png"), join(folder, "gone.png"));
  await symlink("itself", join(folder, "itself"));
  const { files, failures } = await find();
  expect(files).toEqual(["linked/x.png", "y.png"]);
  expect(failures.map(([path]) => path).sort()).toEqual(["gone.png", "itself"]);
});

test("links to folders above come to an end, and files keep the paths that they have without links", async () => {
  await make(folder, "z/photo.png");
  await symlink(folder, join(folder, "z", "up"));
  await symlink(join(folder, "z"), join(folder, "a"));
  expect(await find()).toEqual({ files: ["z/photo.png"], failures: [] });
});

test("of several links to a folder the first in order is taken, whatever order the system lists them in", async () => {
  await make(outside, "photo.png");
  for (const name of ["b", "a", "c"]) await symlink(outside, join(folder, name));
  for (const sign of [1, -1]) {
    const read: WalkOptions["read"] = async (path) =>
      (await readdir(path, { withFileTypes: true })).sort((a, b) => sign * (a.name < b.name ? -1 : 1));
    expect((await find({ read })).files).toEqual(["a/photo.png"]);
  }
});
