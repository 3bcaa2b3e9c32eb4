import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../dist/main.js", import.meta.url));

/**
 * Starts the built gateway on a free port, with collections in a folder of its own.
 * @param {Record<string, string>} [settings] environment variables, e.g. `{ GROUNDWIRE_MAX_TEXTS: "10" }`
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>} its GraphQL endpoint
 */
export async function startGateway(settings = {}) {
  const data = await mkdtemp(join(tmpdir(), "groundwire-sdk-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GROUNDWIRE_"));
  const env = {
    ...Object.fromEntries(inherited),
    GROUNDWIRE_PORT: "0",
    GROUNDWIRE_LOG_LEVEL: "error",
    GROUNDWIRE_DATA_DIR: data,
    ...settings,
  };
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const url = await Promise.race([readUrl(child.stdout), exited.then(([code]) => code)]);
  if (typeof url !== "string") throw new Error(`the gateway ended with code ${url} before it was ready`);
  async function stop() {
    child.kill("SIGTERM");
    await exited;
    await rm(data, { recursive: true });
  }
  return { url, stop };
}

/** From the line that tells that it answers; undefined where the output ends without it. */
async function readUrl(output) {
  for await (const line of createInterface({ input: output })) {
    const [url] = line.match(/http:\/\/\S+/) ?? [];
    if (url) return url;
  }
  return undefined;
}
