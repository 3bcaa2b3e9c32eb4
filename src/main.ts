import { readConfig } from "./config.js";
import { explain } from "./explain.js";
import { collectOften } from "./garbage.js";
import { createServer } from "./server.js";

collectOften();

/** A drain ends by itself before this; what hangs even then is given up. */
const DRAIN_MS = 9_500;

try {
  const server = await createServer(readConfig());
  const url = await server.start();
  const { name, stage } = server.services.bundle.manifest;
  console.log(`groundwire ready at ${url} (${name}, stage ${stage})`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void drain(server.stop));
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}

async function drain(stop: () => Promise<void>): Promise<void> {
  setTimeout(() => process.exit(1), DRAIN_MS).unref();
  await stop();
  process.exit(0);
}
