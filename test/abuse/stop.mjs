// node test/abuse/stop.mjs --rounds 10
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { embedBody, runProgram, sleep } from "./program.mjs";

const ABOUT = `Sends SIGTERM to a gateway under load, again and again.
Every request sent before the signal must be answered with its vector, new connections must be refused, and the process
must end with 0 within 10 s.`;
const CLIENTS = 32;
const LIMIT_MS = 10_000;
const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

async function startProcess() {
  const env = { ...process.env, GROUNDWIRE_PORT: "0", GROUNDWIRE_LOG_LEVEL: "error" };
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  return { child, url: /ready at (\S+)/.exec(String(line))[1] };
}

/** @returns {Promise<"answered" | "refused" | "lost">} refused: told so, or never connected */
function ask(url, agent, text) {
  return new Promise((resolve) => {
    let answer = "";
    const headers = { "content-type": "application/json" };
    const outgoing = request(url, { agent, method: "POST", headers }, (response) => {
      response.setEncoding("utf8").on("data", (chunk) => (answer += chunk));
      response.on("error", () => resolve("lost"));
      response.on("end", () => resolve(outcomeOf(response.statusCode, answer)));
    });
    outgoing.on("error", (error) => resolve(error.code === "ECONNREFUSED" ? "refused" : "lost"));
    outgoing.end(embedBody(text));
  });
}

function outcomeOf(status, answer) {
  if (/"norm":[1-9]/.test(answer)) return "answered";
  return status === 503 ? "refused" : "lost";
}

async function round(counts) {
  const { child, url } = await startProcess();
  const agent = new Agent({ keepAlive: true });
  let signaled = false;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = 0, outcome = "answered"; outcome === "answered"; i++) {
      const before = !signaled;
      outcome = await ask(url, agent, `client ${client} asks for ${i}`);
      counts[`${before ? "before" : "after"} the signal: ${outcome}`] += 1;
    }
  });
  await sleep(1000 + Math.random() * 1000);
  const ended = once(child, "exit");
  const started = performance.now();
  signaled = true;
  child.kill("SIGTERM");
  const [code] = await ended;
  counts.slowestEndMs = Math.max(counts.slowestEndMs, Math.round(performance.now() - started));
  counts.exits[code] = (counts.exits[code] ?? 0) + 1;
  await Promise.all(clients);
  agent.destroy();
  if ((await ask(url, undefined, "too late")) === "refused") counts.closedAfterwards += 1;
}

await runProgram(
  ABOUT,
  { rounds: { default: 10, meaning: "gateways that are stopped" } },
  async ({ rounds }) => {
    const counts = { rounds, slowestEndMs: 0, exits: {}, closedAfterwards: 0 };
    for (const when of ["before", "after"])
      for (const outcome of ["answered", "refused", "lost"]) counts[`${when} the signal: ${outcome}`] = 0;
    for (let i = 0; i < rounds; i++) await round(counts);
    return {
      counts,
      rules: {
        "what was sent before the signal is answered":
          counts["before the signal: lost"] + counts["before the signal: refused"] === 0,
        "what comes later is refused": counts.closedAfterwards === rounds,
        "the process ends with 0 within 10 s": counts.exits[0] === rounds && counts.slowestEndMs < LIMIT_MS,
      },
    };
  },
);
