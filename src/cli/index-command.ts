import { parseArgs } from "node:util";
import { resolveBundleDirectory } from "../bundle/bundle.js";
import { indexPath, type IndexProgress, type IndexReport } from "../collections/indexing.js";
import { readConfig } from "../config.js";
import { collectSeldom } from "../garbage.js";
import { startServices } from "../services.js";
import { UsageError } from "./command.js";

export const summary = "a folder of pictures or a file of texts into a collection";

export const usage = `groundwire index PATH --collection NAME [--force]

Brings a folder of JPEG, PNG and WebP pictures, or a file with a text a line, into a collection below
GROUNDWIRE_DATA_DIR. An interrupted run goes on where it was when it is started again.

  --collection NAME   made where it does not exist
  --force             encode also what the collection has already`;

export const exits = {
  0: "done; what could not be read is listed",
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
      onProgress: createReporter(),
      signal: interruption.signal,
    });
    printReport(report, values.collection);
    return interruption.signal.aborted ? 130 : 0;
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

function printReport({ stored, skipped, failed, failures }: IndexReport, collection: string): void {
  console.log(`${collection}: ${stored} stored, ${skipped} there already, ${failed} could not be read`);
  for (const { id, reason } of failures) console.log(`  ${id}: ${reason}`);
}
