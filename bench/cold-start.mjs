import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { interleave, report, root, runJson } from "./harness.mjs";

const BODY = JSON.stringify({ query: '{ embed(texts: ["zebra"]) { norm } }' });

/** Seconds from `npm start`, installed and built, to the first vector. */
export default async function coldStart() {
  // Builds what is stale, so that no round pays for it.
  await measure();
  const results = await interleave({
    ours: measure,
    raw: async () => {
      const { creationSeconds } = await runJson(process.execPath, [join(root, "bench", "raw.mjs"), "none"]);
      return creationSeconds;
    },
  });
  return report({
    name: "cold-start",
    unit: "s",
    better: "lower",
    ours: results.ours.value,
    limit: results.raw.value,
  });
}

async function measure() {
  const started = performance.now();
  const env = { ...process.env, GROUNDWIRE_PORT: "0", GROUNDWIRE_LOG_LEVEL: "error" };
  // A group of its own: npm stands between us and the server.
  const child = spawn("npm", ["start", "--silent"], {
    cwd: root,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  const url = /https?:\/\/[^\s(]+/.exec(line)[0];
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: BODY,
  });
  const { data } = await response.json();
  const seconds = (performance.now() - started) / 1000;
  if (!(data.embed[0].norm > 0)) throw new Error("the first answer holds no vector");
  process.kill(-child.pid, "SIGTERM");
  await once(child, "exit");
  return seconds;
}
