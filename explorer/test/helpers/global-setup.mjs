import setUpGateways from "../../../sdk/test/helpers/global-setup.mjs";
import { startGateway } from "../../../sdk/test/helpers/start-gateway.mjs";

export const KEY = "a-key-of-many-letters";

/** The SDK's gateways, and one that asks for a key. */
export default async function setup(project) {
  const end = await setUpGateways(project);
  const keyed = await startGateway({ GROUNDWIRE_API_KEYS: `read:${KEY}` });
  project.provide("keyedUrl", keyed.url);
  project.provide("key", KEY);
  return () => Promise.all([end(), keyed.stop()]);
}
