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
collection answers as before until all is done. An interrupted run goes on where it was when it is started again.`;

export const exits = { 0: "done; what the model could not encode is listed" };

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
    const onProgress = (done: number, total: number): void =>
      console.error(`groundwire: ${done} of ${total} done`);
    const { changed, items, lost } = await reembed(id, { ...services, onProgress });
    const { model } = services.collections.stamp;
    console.log(changed ? `${id}: ${items} items are of ${model} now` : `${id}: is of ${model} already`);
    for (const { id: item, error } of lost) console.log(`  lost ${item}: ${error.message}`);
  } finally {
    await services.close();
  }
}
