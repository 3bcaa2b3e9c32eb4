// node test/abuse/kill.mjs --kills 30
import { load } from "../../bench/harness.mjs";
import { readConfig } from "../../dist/config.js";
import { createServer } from "../../dist/server.js";
import { probe, runProgram, sleep } from "./program.mjs";

const ABOUT = `Kills worker threads at random moments while 32 clients ask for texts that no cache has seen.
Every request must be answered with its vector, and each time a new text within 5 s of the death.`;
const RECOVERY_MS = 5000;
/** Longest pause between two deaths. */
const PAUSE_MS = 3000;

await runProgram(ABOUT, { kills: { default: 30, meaning: "deaths of workers" } }, async ({ kills }) => {
  const server = await createServer(readConfig({ GROUNDWIRE_PORT: "0", GROUNDWIRE_LOG_LEVEL: "error" }));
  const url = await server.start();
  // The load ends after the last death, however long the pauses and recoveries are.
  const clients = load({ url, kind: "embed", connections: 32, seconds: kills * 2.5 + 5 });
  const recoveries = [];
  await sleep(2000);
  for (let i = 0; i < kills; i++) {
    await sleep(Math.random() * PAUSE_MS);
    void server.services.encoder.killWorker();
    recoveries.push(await probe(url));
  }
  const { count, failed, codes } = await clients;
  const { restarts } = server.services.encoder.stats();
  await server.stop();
  const slowestMs = Math.round(Math.max(...recoveries));
  return {
    counts: { kills, restarts, requests: count, codes, failed, slowestMs },
    rules: {
      "every worker was replaced": restarts === kills,
      "no request failed": failed === 0 && Object.keys(codes).join() === "ok",
      "a new text is answered within 5 s of a death": slowestMs <= RECOVERY_MS,
    },
  };
});
