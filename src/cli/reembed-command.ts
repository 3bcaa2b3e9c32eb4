import { resolveBundleDirectory } from "../bundle/bundle.js";
import { reembed } from "../collections/reembed.js";
import { readConfig } from "../config.js";
import { startServices } from "../services.js";

export const REEMBED_USAGE = `groundwire reembed NAME

Gives every item of a collection a vector of the served model, from the text or picture that is kept with it. The
collection answers as before until all is done. An interrupted run goes on where it was when it is started again.`;

/** @returns the exit status. */
export async function runReembed(args: readonly string[]): Promise<number> {
  const [id, ...rest] = args;
  if (id === undefined || rest.length > 0 || id.startsWith("-")) {
    console.error(REEMBED_USAGE);
    return 2;
  }
  const config = readConfig();
  const services = await startServices(resolveBundleDirectory(config.model), config);
  try {
    const onProgress = (done: number, total: number): void =>
      console.error(`groundwire: ${done} of ${total} done`);
    const { changed, items, lost } = await reembed(id, { ...services, onProgress });
    const { model } = services.collections.stamp;
    console.log(changed ? `${id}: ${items} items are of ${model} now` : `${id}: is of ${model} already`);
    for (const { id: item, error } of lost) console.log(`  lost ${item}: ${error.message}`);
    return 0;
  } finally {
    await services.close();
  }
}
