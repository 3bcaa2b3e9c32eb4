import { BundleError } from "./bundle/bundle.js";
import { ConfigError, readConfig } from "./config.js";
import { createServer } from "./server.js";

/** A drain ends by itself before this; what hangs even then is given up. */
const DRAIN_MS = 9_500;

try {
  const config = readConfig();
  const server = await createServer(config);
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

function explain(error: unknown): string {
  if (error instanceof BundleError) return `groundwire: the model bundle cannot be served: ${error.message}`;
  if (error instanceof ConfigError) return `groundwire: the configuration is wrong:\n${error.message}`;
  if (isAddressInUse(error))
    return `groundwire: port ${error.port} is in use; set GROUNDWIRE_PORT to a free one`;
  return `groundwire: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function isAddressInUse(error: unknown): error is NodeJS.ErrnoException & { port: number } {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "EADDRINUSE";
}
