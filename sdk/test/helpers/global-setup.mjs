import { ensureBuilt } from "../../../scripts/setup.mjs";
import { createRelationBundle } from "../../../test/helpers/relation-bundle.ts";
import { startGateway } from "./start-gateway.mjs";

/**
 * Two gateways for all test files that need no settings of their own: one with the shipped bundle, and one whose
 * bundle knows pictures and relations by small graphs of known arithmetic.
 */
export default async function setup(project) {
  ensureBuilt();
  const bundle = await createRelationBundle();
  const shipped = await startGateway();
  const relational = await startGateway({ GROUNDWIRE_MODEL: bundle.directory });
  project.provide("gatewayUrl", shipped.url);
  project.provide("relationalUrl", relational.url);
  return async () => {
    await Promise.all([shipped.stop(), relational.stop()]);
    await bundle.remove();
  };
}
