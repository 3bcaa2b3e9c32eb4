import { parseArgs } from "node:util";
import { resolveBundleDirectory } from "../bundle/bundle.js";
import { reembed } from "../collections/reembed.js";
import { readConfig } from "../config.js";
import { collectSeldom } from "../garbage.js";
import { startServices } from "../services.js";
import { UsageError } from "./command.js";

export const summary = "a collection's vectors anew, of the served model";

export const usage = `groundwire reembed NAME

Gives every item of a collection a vector of the served model, from the text or picture that is kept with it. The
collection answers as before until all is done. An interrupted run goes on where it was when it is started again.
What other processes write to the collection meanwhile is brought along: the run ends once nothing was written for as
long as it takes to read the collection.`;

export const exits = {
  0: "done; items that the model can never encode are listed, and are not in the collection any more",
  1: "failed, and the collection is as it was; the same command goes on from there",
};

const PROGRESS_MS = 1000;

export async function run(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true });
  const [id, ...rest] = positionals;
  if (id === undefined || rest.length > 0)
    throw new UsageError(`reembed takes one collection, has ${positionals.length}`);
  collectSeldom();
  const config = readConfig();
  const services = await startServices(resolveBundleDirectory(config.model), config);
  services.grow();
  try {
    const { maxQueue } = config;
    const onProgress = createReporter();
    const { changed, items, lost } = await reembed(id, { ...services, maxQueue, onProgress });
    const { model } = services.collections.stamp;
    console.log(changed ? `${id}: ${items} items are of ${model} now` : `${id}: is of ${model} already`);
    for (const { id: item, error } of lost) console.log(`  lost ${item}: ${error.message}`);
  } finally {
    await services.close();
  }
}

/** At most one line a second on standard error. */
function createReporter(): (done: number, total: number) => void {
  let shown = performance.now();
  return (done, total) => {
    const now = performance.now();
    if (now - shown < PROGRESS_MS) return;
    shown = now;
    console.error(`groundwire: ${done} of ${total} done`);
  };
}
