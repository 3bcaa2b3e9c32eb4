// Requests at a fixed rate, whether or not earlier ones have been answered: `node bench/open-loop.mjs '{"url", "rate", "seconds"}'`.
// Latency counts from the moment at which a request was due, so that a stalled server cannot hide behind a stalled client.
import { randomInt } from "node:crypto";
import { Agent, request } from "node:http";
import { setImmediate } from "node:timers";
import { quantile } from "./harness.mjs";
import { createTexts } from "./texts.mjs";

const { url, rate, seconds } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 2048, maxFreeSockets: 2048 });
const text = createTexts(randomInt(2 ** 32));
const query = "query Embed($texts: [String!]!) { embed(texts: $texts) { vector } }";
const accepted = [];
const refused = [];
/** Why requests were lost: a connection's error, or an answer's. */
const lost = {};
let hinted = 0;

function send(due) {
  return new Promise((resolve) => {
    const body = JSON.stringify({ query, variables: { texts: [text()] } });
    const outgoing = request(url, { agent, method: "POST", headers: { "content-type": "application/json" } });
    const lose = (reason) => {
      lost[reason] = (lost[reason] ?? 0) + 1;
      resolve();
    };
    const fail = ({ code, message }) => lose(code ?? message);
    outgoing.on("error", (error) => {
      // A connection that had been idle was closed as it was taken again: nobody has accepted anything.
      if (outgoing.reusedSocket && error.code === "ECONNRESET") resolve(send(due));
      else fail(error);
    });
    outgoing.on("response", (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (answer += chunk));
      response.on("error", fail);
      response.on("end", () => {
        const ms = performance.now() - due;
        if (answer.includes('"OVERLOADED"')) {
          refused.push(ms);
          if (/"retryAfterMs":[1-9]/.test(answer)) hinted += 1;
        } else if (answer.includes('"vector":"')) accepted.push(ms);
        else return lose(answer.slice(0, 200));
        resolve();
      });
    });
    outgoing.end(body);
  });
}

const started = performance.now();
const pending = [];
for (let i = 0; i < rate * seconds;) {
  const due = started + ((i + 1) * 1000) / rate;
  const wait = due - performance.now();
  if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  else {
    pending.push(send(due));
    i += 1;
    // The loop must turn for answers to be read while we are late.
    if (i % 8 === 0) await new Promise(setImmediate);
  }
}
await Promise.all(pending);
agent.destroy();
const figures = (values) => ({
  count: values.length,
  p50: quantile(values, 0.5) ?? 0,
  p99: quantile(values, 0.99) ?? 0,
});
console.log(JSON.stringify({ accepted: figures(accepted), refused: { ...figures(refused), hinted }, lost }));
