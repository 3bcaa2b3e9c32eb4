import { resolveBundleDirectory } from "../bundle/bundle.js";
import { readConfig, type Config } from "../config.js";
import { startServices, type Services } from "../services.js";

/**
 * Runs a command on the model, without a server, and ends its workers.
 * @param model bundle name or path. @default GROUNDWIRE_MODEL, else models/default
 */
export async function withServices<T>(
  model: string | undefined,
  action: (services: Services, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig();
  const services = await startServices(resolveBundleDirectory(model ?? config.model), config);
  try {
    return await action(services, config);
  } finally {
    await services.close();
  }
}
