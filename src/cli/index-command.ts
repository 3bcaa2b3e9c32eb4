import { parseArgs } from "node:util";
import { resolveBundleDirectory } from "../bundle/bundle.js";
import { indexPath, type IndexProgress, type IndexReport } from "../collections/indexing.js";
import { readConfig } from "../config.js";
import { collectSeldom } from "../garbage.js";
import { startServices } from "../services.js";
import { UsageError } from "./command.js";

export const summary = "pictures of a folder or texts of a file into a collection";

export const usage = `groundwire index PATH --collection NAME [--force]

Brings a folder of JPEG, PNG and WebP pictures, one such picture, or a file with a text a line, into a collection below
GROUNDWIRE_DATA_DIR. An interrupted run goes on where it was when it is started again. Links in a folder are followed,
and a folder that several lead to is read once.

  --collection NAME   made where it does not exist
  --force             encode also what the collection has already`;

export const exits = {
  0: "done; what was left out, such as a damaged picture, is listed",
  1: "failed, or some items did, which are listed; the same command goes on from there",
  130: "interrupted; the same command goes on from there",
};

const PROGRESS_MS = 1000;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { collection: { type: "string" }, force: { type: "boolean", default: false } },
  });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0)
    throw new UsageError(`index takes one path, has ${positionals.length}`);
  if (values.collection === undefined) throw new UsageError("index needs --collection NAME");
  collectSeldom();
  const config = readConfig();
  const services = await startServices(resolveBundleDirectory(config.model), config);
  services.grow();
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once("SIGINT", interrupt);
  try {
    const report = await indexPath({
      collections: services.collections,
      collection: values.collection,
      path,
      force: values.force,
      maxQueue: config.maxQueue,
      onProgress: createReporter(),
      signal: interruption.signal,
    });
    const failed = printReport(report, values.collection, services.bundle.manifest.maxTokens);
    if (interruption.signal.aborted) return 130;
    return failed > 0 ? 1 : 0;
  } finally {
    process.removeListener("SIGINT", interrupt);
    await services.close();
  }
}

/** At most one line a second on standard error. */
function createReporter(): (progress: IndexProgress) => void {
  const started = performance.now();
  let shown = started;
  return ({ stored, skipped, failed, total }) => {
    const now = performance.now();
    if (now - shown < PROGRESS_MS) return;
    shown = now;
    const done = stored + skipped + failed;
    const rate = (stored / ((now - started) / 1000)).toFixed(1);
    console.error(`groundwire: ${done}${total === undefined ? "" : ` of ${total}`} done, ${rate} a second`);
  };
}

/** @returns how many items failed through no fault of their own. */
function printReport(
  { stored, truncated, skipped, failures }: IndexReport,
  collection: string,
  maxTokens: number,
): number {
  const failed = failures.filter(({ permanent }) => !permanent).length;
  const counts = [`${stored} stored`, `${skipped} there already`, `${failures.length - failed} left out`];
  if (failed > 0) counts.push(`${failed} failed`);
  console.log(`${collection}: ${counts.join(", ")}`);
  if (truncated > 0)
    console.log(
      `  of those stored, ${truncated} have more than ${maxTokens} tokens: only their beginnings count`,
    );
  for (const { id, reason } of failures) console.log(`  ${id}: ${reason}`);
  if (failed > 0) console.error(`groundwire: ${failed} items failed; the same command goes on from there`);
  return failed;
}
