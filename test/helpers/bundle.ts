import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { resolveBundleDirectory, type Manifest } from "../../src/bundle/bundle.js";

/** The bundle that models/default names: every test runs on what is shipped. */
export const shippedBundle = resolveBundleDirectory();

export interface BundleCopy {
  directory: string;
  read: (name: string) => Buffer;
  write: (name: string, content: string | Buffer) => void;
  remove: (name: string) => void;
  /** Changes the manifest and signs it again, as a faulty exporter would. */
  resign: (change: (manifest: Manifest) => void) => void;
}

const folders: string[] = [];

/** A copy of the shipped bundle that a test may damage; its folder goes when the test file is done. */
export function copyBundle(): BundleCopy {
  const directory = mkdtempSync(join(tmpdir(), "groundwire-bundle-"));
  folders.push(directory);
  // Links, because most files stay as they are.
  for (const name of readdirSync(shippedBundle))
    symlinkSync(join(shippedBundle, name), join(directory, name));
  const path = (name: string): string => join(directory, name);

  function write(name: string, content: string | Buffer): void {
    rmSync(path(name), { force: true });
    writeFileSync(path(name), content);
  }
  function resign(change: (manifest: Manifest) => void): void {
    const manifest = JSON.parse(readFileSync(path("manifest.json"), "utf8")) as Manifest;
    change(manifest);
    write("manifest.json", signManifest(manifest));
  }
  return {
    directory,
    read: (name) => readFileSync(path(name)),
    write,
    remove: (name) => unlinkSync(path(name)),
    resign,
  };
}

/** manifest.json as the exporter writes it: the checksum is over the text with its own digits as zeros. */
export function signManifest(manifest: object): string {
  const zeros = "0".repeat(64);
  const zeroed = `${JSON.stringify({ ...manifest, checksum: zeros }, null, 2)}\n`;
  const checksum = createHash("sha256").update(zeroed).digest("hex");
  return zeroed.replace(`"checksum": "${zeros}"`, `"checksum": "${checksum}"`);
}

/** The manifest's entry for a file of this content. */
export function describeFile(content: string | Buffer): { bytes: number; sha256: string } {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { bytes: Buffer.byteLength(content), sha256 };
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
