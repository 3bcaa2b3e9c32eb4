// What the abuse programs share: numbers as options, --help, one line of JSON, exit status 1 where a rule is broken.
import { parseArgs } from "node:util";
import { checkBars } from "../../bench/bars.mjs";
import { figures } from "../../bench/harness.mjs";

/**
 * @typedef {Record<string, {default: number, meaning: string}>} Options
 * @typedef {Record<string, number>} Values
 * @typedef {{counts: Record<string, unknown>, rules: Record<string, boolean>}} Outcome rules: what must hold -> whether it did
 */

/**
 * @param {string} about what is thrown at the gateway and what must hold
 * @param {Options} options
 * @param {(values: Values) => Promise<Outcome>} run
 */
export async function runProgram(about, options, run) {
  const named = Object.fromEntries(Object.keys(options).map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options: { ...named, help: { type: "boolean" } } });
  if (values.help) return help(about, options);
  const numbers = Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, toNumber(name, values[name] ?? option.default)]),
  );
  const { counts, rules } = await run(numbers);
  const broken = Object.keys(rules).filter((rule) => !rules[rule]);
  console.log(JSON.stringify({ ...counts, rules: Object.keys(rules), broken }));
  // onnxruntime aborts where Node tears it down at a natural end.
  process.exit(broken.length > 0 ? 1 : 0);
}

/** A benchmark's figures, and its bars as rules. */
export function judge(result) {
  const bars = checkBars([result]).map(({ rule, holds }) => [rule, holds]);
  return { counts: figures(result), rules: Object.fromEntries(bars) };
}

function toNumber(name, value) {
  const number = Number(value);
  if (Number.isFinite(number) && number >= 0) return number;
  console.error(`--${name} must be a number from 0, is ${JSON.stringify(value)}`);
  process.exit(2);
}

function help(about, options) {
  const lines = Object.entries(options).map(
    ([name, option]) => `  --${name} N   ${option.meaning} (default ${option.default})`,
  );
  console.log(
    `${about}\n\nPrints one line of JSON; exits with 1 where a rule is broken.\n\n${lines.join("\n")}`,
  );
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const QUERY = "query ($texts: [String!]!) { embed(texts: $texts) { norm } }";

/** The body of a GraphQL request for the vectors of these texts. */
export function embedBody(...texts) {
  return JSON.stringify({ query: QUERY, variables: { texts } });
}

/**
 * Asks for the vector of a text that no cache has seen.
 * @returns {Promise<number>} milliseconds until it was there
 */
export async function probe(url, timeoutMs = 30_000) {
  const started = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: embedBody(`probe ${started} ${Math.random()}`),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { data, errors } = await response.json();
  if (!(data?.embed?.[0]?.norm > 0)) throw new Error(`no vector: ${JSON.stringify(errors)}`);
  return performance.now() - started;
}

/** A figure of the gateway's /metrics. */
export async function metric(url, name) {
  const page = await (await fetch(url.replace("/graphql", "/metrics"))).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
}
