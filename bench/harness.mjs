// What all benchmarks share: servers as child processes, load from a second process, interleaved rounds, medians.
import { spawn, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const bundle = join(root, "models", readFileSync(join(root, "models", "default"), "utf8").trim());
/** Threads that the other contenders use; the gateway shares as many among its workers, where it is left to itself. */
export const threads = cpus().length;
/** Interleaved rounds; the median of so many is reported. */
export const rounds = Number(process.env.BENCH_ROUNDS ?? 5);

/**
 * Starts a program that prints a line with its URL once it answers.
 * @returns {Promise<{url: string, pid: number, stop: () => Promise<void>}>}
 */
export async function startServer(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /https?:\/\/[^\s(]+/.exec(line);
      if (found) resolve(found[0]);
    });
    exited.then((code) =>
      reject(new Error(`${command} ${args.join(" ")} ended with ${code} before it answered`)),
    );
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  return { url, pid: child.pid, stop };
}

/** Our gateway, from dist, on a free port; `variables` are GROUNDWIRE_ variables less the prefix. */
export function startGateway(variables = {}) {
  const all = { PORT: "0", LOG_LEVEL: "error", ...variables };
  const env = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`GROUNDWIRE_${name}`, String(value)]),
  );
  return startServer(process.execPath, ["dist/main.js"], env);
}

/**
 * Load from a process of its own (see load.mjs for the options).
 * @returns {Promise<{rate: number, p50: number, p99: number, mean: number, count: number, failed: number, codes: object}>}
 */
export function load(options) {
  return runJson(process.execPath, [join(root, "bench", "load.mjs"), JSON.stringify(options)]);
}

/** Runs a program whose last line of standard output is JSON. */
export function runJson(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => {
      if (code !== 0) return reject(new Error(`${command} ${args[0]} ended with ${code}`));
      resolve(JSON.parse(output.trim().split("\n").at(-1)));
    });
  });
}

/**
 * Measures every contender once a round, one after the other, so that a change of the machine's state meets all alike.
 * @param {Record<string, () => Promise<number | Record<string, number>>>} contenders
 * @returns {Promise<Record<string, Record<string, number>>>} name -> median of each figure (a bare number is `value`)
 */
export async function interleave(contenders, count = rounds) {
  const samples = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < count; round++) {
    for (const [name, measure] of Object.entries(contenders)) {
      const result = await measure(round);
      samples[name].push(typeof result === "number" ? { value: result } : result);
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, results]) => [name, medians(results)]));
}

function medians(results) {
  const figures = Object.keys(results[0]).filter((figure) => typeof results[0][figure] === "number");
  return Object.fromEntries(
    figures.map((figure) => [figure, median(results.map((result) => result[figure]))]),
  );
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** The JSON of one benchmark. `better` says which way is good; ratios above 1 are in our favor. */
export function report({ name, unit, ours, peers = {}, limit = null, better = "higher", ...details }) {
  const ratio = (other) => {
    if (other === null || other === undefined) return null;
    return round(better === "higher" ? ours / other : other / ours);
  };
  const values = Object.values(peers);
  const best = values.length === 0 ? null : better === "higher" ? Math.max(...values) : Math.min(...values);
  return {
    name,
    unit,
    ours: round(ours),
    peers: Object.fromEntries(Object.entries(peers).map(([peer, value]) => [peer, round(value)])),
    limit: limit === null ? null : round(limit),
    ratioToLimit: ratio(limit),
    ratioToBestPeer: ratio(best),
    ...details,
    ...machineAndCommit(),
  };
}

/** Where and of what a figure was measured. */
export function machineAndCommit() {
  return { machine: machine(), commit: commit() };
}

/** A result less what is the same for all results of a run. */
export function figures(result) {
  const common = ["name", "machine", "commit"];
  return Object.fromEntries(Object.entries(result).filter(([key]) => !common.includes(key)));
}

export function round(value) {
  return Number(value.toPrecision(4));
}

function machine() {
  const model = cpus()[0]?.model.trim() ?? "unknown CPU";
  return `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const dirty = git("status", "--porcelain", "--untracked-files=no", "--", "src", "models") !== "";
  return git("rev-parse", "--short", "HEAD") + (dirty ? "+changes" : "");
}
