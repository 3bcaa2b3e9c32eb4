// `npm run bench`: all benchmarks, and bench/REPORT.md. `npm run bench -- NAME --json`: one, its JSON on the last line.
// The exit status is 1 where a benchmark fails or misses its bar (bars.mjs).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, requireNode } from "../scripts/setup.mjs";
import { root } from "./harness.mjs";
import { checkBars } from "./bars.mjs";
import { renderReport } from "./report.mjs";

const NAMES = [
  "embed-throughput",
  "embed-latency",
  "cached-throughput",
  "neighbors",
  "relations",
  "index-throughput",
  "event-loop",
  "memory",
  "cold-start",
  "overload",
  "train-step",
];

requireNode();
ensureInstalled();
ensureBuilt();
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const unknown = asked.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(", ")}; there are ${NAMES.join(", ")}`);
  process.exit(2);
}
const names = asked.length > 0 ? asked : NAMES;
const results = [];
const failures = [];
for (const name of names) {
  console.error(`bench: ${name}`);
  try {
    const { default: measure } = await import(`./${name}.mjs`);
    const result = await measure();
    results.push(result);
    console.log(JSON.stringify(result, null, process.argv.includes("--json") ? 0 : 2));
  } catch (error) {
    failures.push(name);
    console.error(`bench: ${name} failed: ${error.stack ?? error}`);
  }
}
if (asked.length === 0) {
  writeFileSync(join(root, "bench", "REPORT.md"), renderReport(results));
  console.error("bench: wrote bench/REPORT.md");
}
const missed = checkBars(results).filter(({ holds }) => !holds);
for (const { name, rule } of missed) console.error(`bench: ${name} misses its bar: ${rule}`);
process.exit(failures.length + missed.length > 0 ? 1 : 0);
