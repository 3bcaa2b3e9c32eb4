import { BundleError } from "./bundle/bundle.js";
import { isUsageError } from "./cli/command.js";
import { ConfigError } from "./config.js";
import { isGroundwireError } from "./errors.js";

/** One message for a person at a terminal; the stack only where the fault is ours. */
export function explain(error: unknown): string {
  if (error instanceof BundleError) return `groundwire: the model bundle cannot be served: ${error.message}`;
  if (error instanceof ConfigError) return `groundwire: the configuration is wrong:\n${error.message}`;
  if (isGroundwireError(error) || isUsageError(error)) return `groundwire: ${(error as Error).message}`;
  if (!(error instanceof Error)) return `groundwire: ${String(error)}`;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === "EADDRINUSE") return `groundwire: port ${port} is in use; set GROUNDWIRE_PORT to a free one`;
  return `groundwire: ${error.stack ?? error.message}`;
}
