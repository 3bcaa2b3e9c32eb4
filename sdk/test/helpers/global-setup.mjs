import { ensureBuilt } from "../../../scripts/setup.mjs";
import { startGateway } from "./start-gateway.mjs";

/** One gateway for all test files that need no settings of their own. */
export default async function setup(project) {
  ensureBuilt();
  const { url, stop } = await startGateway();
  project.provide("gatewayUrl", url);
  return stop;
}
