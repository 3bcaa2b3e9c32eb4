import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveBundleDirectory } from "../../src/bundle/bundle.js";
import type { Manifest } from "../../src/bundle/manifest.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const GRAPHS = ["visual.onnx", "retrieval.onnx"];

export interface PictureBundle {
  directory: string;
  remove: () => Promise<void>;
}

/**
 * The shipped bundle with the small graphs of test/fixtures, whose arithmetic is known, in place of trained ones.
 * @param fingerprint 64 hexadecimal digits. @default the shipped bundle's
 */
export async function createPictureBundle(fingerprint?: string): Promise<PictureBundle> {
  return deriveBundle(await readFixtures(GRAPHS), fingerprint ? { fingerprint } : {});
}

/** The shipped bundle with some files in place of, or beside, its own. */
export async function deriveBundle(
  files: Record<string, Buffer>,
  changes: Partial<Manifest> = {},
): Promise<PictureBundle> {
  const shipped = resolveBundleDirectory();
  const directory = await mkdtemp(join(tmpdir(), "groundwire-bundle-"));
  const manifest = JSON.parse(await readFile(join(shipped, "manifest.json"), "utf8")) as Manifest;
  for (const name of Object.keys(manifest.files)) {
    if (!(name in files)) await symlink(resolve(shipped, name), join(directory, name));
  }
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, name), content);
    manifest.files[name] = { bytes: content.length, sha256: sha256(content) };
  }
  await writeFile(join(directory, "manifest.json"), seal({ ...manifest, ...changes }));
  return { directory, remove: () => rm(directory, { recursive: true }) };
}

export async function readFixtures(names: readonly string[]): Promise<Record<string, Buffer>> {
  const contents = await Promise.all(names.map((name) => readFile(join(FIXTURES, name))));
  return Object.fromEntries(names.map((name, i) => [name, contents[i] as Buffer]));
}

/** The manifest's checksum is over its own text with the checksum as zeros. */
function seal(manifest: Manifest): string {
  const zeroed = JSON.stringify({ ...manifest, checksum: "0".repeat(64) }, null, 2);
  return zeroed.replace(`"checksum": "${"0".repeat(64)}"`, `"checksum": "${sha256(zeroed)}"`);
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
