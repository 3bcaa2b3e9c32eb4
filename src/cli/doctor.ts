import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadBundle, resolveBundleDirectory, type Bundle } from "../bundle/bundle.js";
import { ConfigError, readConfig, type Config } from "../config.js";
import { explain } from "../explain.js";
import { startServices, type Services } from "../services.js";

export const summary = "checks of the installation, the configuration and the bundle";

export const usage = `groundwire doctor [--model BUNDLE]

Checks everything that serving needs, in order, and names what is wrong.

  --model BUNDLE   name below models/, or a path`;

export const exits = { 0: "all is right", 1: "something is wrong; standard output says what" };

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { model: { type: "string" } } });
  try {
    await examine(values.model);
    return 0;
  } catch (error) {
    console.log(`FAILED  ${explain(error)}`);
    return 1;
  }
}

/** Each check needs those before it, so that the first fault ends the examination. */
async function examine(model: string | undefined): Promise<void> {
  pass(`Node ${process.version} on ${process.platform} ${process.arch}`);
  const config = readConfig();
  pass("configuration");
  const directory = resolveBundleDirectory(model ?? config.model);
  pass(describe(await loadBundle(directory)));
  await prove(directory, config);
}

async function prove(directory: string, config: Config): Promise<void> {
  const started = performance.now();
  const services = await startServices(directory, config);
  const { items } = services.bundle.golden;
  pass(`model: ${items.length} golden texts equal PyTorch's (cosine >= 0.999)`);
  try {
    await examineCollections(services, resolve(config.dataDir));
  } finally {
    await services.close();
  }
  pass(`start and stop in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function examineCollections({ collections }: Services, folder: string): Promise<void> {
  await requireWritable(folder);
  const all = await collections.list();
  const { fingerprint } = collections.stamp;
  const others = all.filter((info) => info.fingerprint !== fingerprint).map(({ id }) => id);
  const rest = others.length > 0 ? `; of another model: ${others.join(", ")} (groundwire reembed ID)` : "";
  pass(`collections: ${all.length}${rest}\n        ${folder}`);
}

/** It is made with the first collection: until then its nearest parent decides. */
async function requireWritable(folder: string): Promise<void> {
  let nearest = folder;
  while (nearest !== dirname(nearest) && !(await stat(nearest).catch(() => undefined)))
    nearest = dirname(nearest);
  const found = await stat(nearest);
  const mayWrite = await access(nearest, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (found.isDirectory() && mayWrite) return;
  const fault = found.isDirectory() ? "cannot be written" : "is no folder";
  throw new ConfigError(`GROUNDWIRE_DATA_DIR must be a folder that can be written, ${nearest} ${fault}`);
}

function describe({ directory, manifest, lexicon }: Bundle): string {
  const sizes = Object.values(manifest.files).map(({ bytes }) => bytes);
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20;
  const files = `${sizes.length} files, ${total.toFixed(1)} MiB, all hashes right`;
  const { name, stage } = manifest;
  return `bundle ${name} (stage ${stage}, ${lexicon.entries.length} lexicon entries): ${files}\n        ${directory}`;
}

function pass(what: string): void {
  console.log(`ok      ${what}`);
}
