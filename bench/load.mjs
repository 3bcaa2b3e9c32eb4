// The load, in a process of its own: `node bench/load.mjs '{"url": ..., "kind": "embed", "connections": 64, "seconds": 4}'`.
// kind: embed (GraphQL, one new text a request), embedPlain (the peers' POST /embed), words (GraphQL, lexicon words),
// mixed (GraphQL, the same few thousand requests again and again, some of them wrong).
import { Buffer } from "node:buffer";
import { randomInt } from "node:crypto";
import autocannon from "autocannon";
import { quantile } from "./harness.mjs";
import { createRandom, createTexts, words } from "./texts.mjs";

const { url, kind, connections, seconds, amount, timeout = 60 } = JSON.parse(process.argv[2]);

const QUERY = "query Embed($texts: [String!]!) { embed(texts: $texts) { vector } }";
const texts = createTexts(randomInt(2 ** 32));
const random = createRandom(randomInt(2 ** 32));
const word = (most) => words[Math.floor(random() * Math.min(most, words.length))];
const graphql = (query, variables) => JSON.stringify({ query, variables });

const mixed = [
  () => graphql(QUERY, { texts: [word(2000), word(2000)] }),
  () =>
    graphql(
      "query ($t: String!) { concept(text: $t) { concreteness neighbors(first: 10) { text similarity } } }",
      { t: word(2000) },
    ),
  () =>
    graphql("query ($a: String!, $b: String!) { similarity(pairs: [{ a: $a, b: $b }]) }", {
      a: word(2000),
      b: word(2000),
    }),
  () => graphql(QUERY, { texts: [word(2000), " "] }),
  () => graphql("{ model { nosuchfield } }", {}),
  () => "{ this is not JSON",
];
const bodies = {
  embed: () => graphql(QUERY, { texts: [texts()] }),
  embedPlain: () => JSON.stringify({ texts: [texts()] }),
  words: () => graphql(QUERY, { texts: [word(2000)] }),
  mixed: () => mixed[Math.floor(random() * mixed.length)](),
};

const { host, pathname } = new URL(kind === "embedPlain" ? `${url}/embed` : url);
const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nAccept: application/json\r\n`;

/** autocannon would put each request together anew, header by header, on the processors that the server needs. */
function nextRequest() {
  const body = bodies[kind]();
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const codes = {};
const outcomes = [];
const latencies = [];
const instance = autocannon({
  url,
  connections,
  ...(amount ? { amount } : { duration: seconds }),
  timeout,
  setupClient: (client) => Object.assign(client, { getRequestBuffer: nextRequest }),
  verifyBody: tally,
});
// Comes right before its answer's verifyBody, so that both lists are in the same order.
instance.on("response", (_client, _status, _bytes, ms) => latencies.push(ms));

function tally(body) {
  const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] ?? "ok";
  codes[code] = (codes[code] ?? 0) + 1;
  outcomes.push(code);
  return true;
}

const started = performance.now();
const result = await instance;
const elapsed = (performance.now() - started) / 1000;
// A refusal is answered faster than what was asked for.
if (kind !== "mixed" && Object.keys(codes).some((code) => code !== "ok"))
  throw new Error(`all must be served, were ${JSON.stringify(codes)}`);
console.log(
  JSON.stringify({
    rate: outcomes.length / elapsed,
    count: outcomes.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    failed: result.errors + result.timeouts,
    codes,
  }),
);
