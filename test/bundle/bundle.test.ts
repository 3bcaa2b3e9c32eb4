import { readdirSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { BundleError, loadBundle, resolveBundleDirectory } from "../../src/bundle/bundle.js";
import type { Manifest } from "../../src/bundle/manifest.js";
import { copyBundle, describeFile, shippedBundle, type BundleCopy } from "../helpers/bundle.js";

const everyFile = readdirSync(shippedBundle);

async function faultOf(copy: BundleCopy): Promise<BundleError> {
  const error: unknown = await loadBundle(copy.directory).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BundleError);
  return error as BundleError;
}

test("the shipped bundle loads, and its parts are of one size", async () => {
  const { manifest, lexicon, map, axes, golden } = await loadBundle(shippedBundle);
  expect(lexicon.entries.length).toBeGreaterThanOrEqual(30_000);
  expect(lexicon.entries.filter((entry) => !entry.includes(" ")).length).toBeGreaterThanOrEqual(20_000);
  expect(lexicon.entries.filter((entry) => entry.includes(" ")).length).toBeGreaterThanOrEqual(8_000);
  expect(lexicon.rows.length).toBe(lexicon.entries.length * manifest.dimension);
  expect(map.length).toBe(lexicon.entries.length * 2);
  expect(axes.mean.length).toBe(manifest.dimension);
  expect(golden.items.length).toBeGreaterThanOrEqual(64);
});

test("a bundle is named, or found by a path of any form", () => {
  expect(resolveBundleDirectory(basename(shippedBundle))).toBe(resolve(shippedBundle));
  expect(resolveBundleDirectory(relative("", shippedBundle))).toBe(resolve(shippedBundle));
  expect(resolveBundleDirectory("runs/smoke/bundle")).toBe(resolve("runs/smoke/bundle"));
  expect(resolveBundleDirectory("../bundle")).toBe(resolve("../bundle"));
});

test("the shipped bundle is within its limits of size", async () => {
  const { manifest } = await loadBundle(shippedBundle);
  const sizes = Object.values(manifest.files).map(({ bytes }) => bytes);
  expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(40 * 2 ** 20);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(30 * 2 ** 20);
});

test.each(everyFile)("without %s the bundle is refused, naming it", async (name) => {
  const copy = copyBundle();
  copy.remove(name);
  const { file, rule } = await faultOf(copy);
  expect(file).toBe(name);
  expect(rule).toMatch(/^cannot be read/);
});

test.each(everyFile)("with %s one byte shorter the bundle is refused, naming it", async (name) => {
  const copy = copyBundle();
  copy.write(name, copy.read(name).subarray(0, -1));
  expect((await faultOf(copy)).file).toBe(name);
});

test.each(everyFile)("any one altered byte of %s is noticed", async (name) => {
  const copy = copyBundle();
  const content = copy.read(name);
  for (const place of [0, Math.floor(content.length * Math.random()), content.length - 1]) {
    const altered = Buffer.from(content);
    altered.writeUInt8(altered.readUInt8(place) ^ 0x01, place);
    copy.write(name, altered);
    expect((await faultOf(copy)).file, `byte ${place}`).toBe(name);
  }
});

test.each(["notes.txt", "toString", ".hidden"])("a foreign file %s is refused by its name", async (name) => {
  const copy = copyBundle();
  copy.write(name, "not of this bundle");
  const { file, rule } = await faultOf(copy);
  expect(file).toBe(name);
  expect(rule).toMatch(/not listed in manifest.json/);
});

test("a folder that is not there is named", async () => {
  await expect(loadBundle("/nowhere/at/all")).rejects.toThrow(
    "manifest.json: cannot be read in /nowhere/at/all",
  );
});

test("a wrong dimension names the file that does not have it", async () => {
  const copy = copyBundle();
  copy.resign((manifest) => (manifest.dimension += 1));
  const { file, rule } = await faultOf(copy);
  expect(file).toBe("lexicon.vec");
  expect(rule).toMatch(/must hold \d+ rows of \d+ int8/);
});

test("an axis too many is named", async () => {
  const copy = copyBundle();
  const axes = JSON.parse(copy.read("axes.json").toString()) as { axes: object[] };
  axes.axes.push({ name: "one too many" });
  replace(copy, "axes.json", JSON.stringify(axes));
  expect((await faultOf(copy)).message).toMatch(/^axes.json: components must have \d+ rows/);
});

test("a file of another layout is named", async () => {
  const copy = copyBundle();
  replace(copy, "golden.json", JSON.stringify({ items: [{ text: "zebra" }] }));
  expect((await faultOf(copy)).message).toMatch(/^golden.json: must have the layout of format 1/);
});

test("a map of another lexicon is named", async () => {
  const copy = copyBundle();
  replace(copy, "map.bin", copy.read("map.bin").subarray(8));
  expect((await faultOf(copy)).message).toMatch(/^map.bin: must hold 2 float32 for each/);
});

/** A file with other content that the manifest vouches for. */
function replace(copy: BundleCopy, name: string, content: string | Buffer): void {
  copy.write(name, content);
  copy.resign((manifest: Manifest) => (manifest.files[name] = describeFile(content)));
}
