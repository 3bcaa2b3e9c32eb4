import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ConfigError, readConfig, VARIABLES } from "../src/config.js";

function problemsOf(environment: NodeJS.ProcessEnv): string[] {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split("\n");
  }
  return [];
}

test("an empty environment gives the documented defaults", () => {
  const config = readConfig({});
  expect(config).toMatchObject({ port: 4000, host: "127.0.0.1", model: undefined, introspection: true });
  expect(config.maxTexts).toBe(Number(VARIABLES.MAX_TEXTS.default));
});

test("every variable is read", () => {
  const config = readConfig({
    GROUNDWIRE_PORT: "0",
    GROUNDWIRE_HOST: "0.0.0.0",
    GROUNDWIRE_MODEL: "./elsewhere",
    GROUNDWIRE_CORS_ORIGINS: "https://a.example, http://localhost:3000",
    GROUNDWIRE_TRUST_PROXY: "10.0.0.0/8, ::1",
    GROUNDWIRE_MAX_TEXTS: "7",
    GROUNDWIRE_INTROSPECTION: "false",
    GROUNDWIRE_LOG_LEVEL: "warn",
  });
  expect(config).toMatchObject({
    port: 0,
    host: "0.0.0.0",
    model: "./elsewhere",
    corsOrigins: ["https://a.example", "http://localhost:3000"],
    trustProxy: ["10.0.0.0/8", "::1"],
    maxTexts: 7,
    introspection: false,
    logLevel: "warn",
  });
});

test("workers share the processors unless their threads are given", () => {
  const threadsOf = (environment: NodeJS.ProcessEnv) => readConfig(environment).threadsPerWorker;
  const { workers, threadsPerWorker } = readConfig({});
  expect(workers).toBe(Math.min(2, availableParallelism()));
  expect(threadsPerWorker).toBe(Math.min(4, Math.floor(availableParallelism() / workers)));
  expect(threadsOf({ GROUNDWIRE_WORKERS: "64" })).toBe(Math.max(1, Math.floor(availableParallelism() / 64)));
  expect(threadsOf({ GROUNDWIRE_WORKERS: "64", GROUNDWIRE_THREADS_PER_WORKER: "3" })).toBe(3);
});

test("all that is wrong is told at once, each with its name, its rule and its value", () => {
  const problems = problemsOf({
    GROUNDWIRE_PORT: "70000",
    GROUNDWIRE_WORKERS: "two",
    GROUNDWIRE_MAX_QUEUE: "",
    GROUNDWIRE_INTROSPECTION: "maybe",
    GROUNDWIRE_CORS_ORIGINS: "example.org",
    GROUNDWIRE_TRUST_PROXY: "10.0.0.0/33, 0.0.0.0/0",
    GROUNDWIRE_HOST: "",
  });
  expect(problems).toHaveLength(8);
  expect(problems).toContain('GROUNDWIRE_PORT must be an integer from 0 to 65535, is "70000"');
  expect(problems).toContain('GROUNDWIRE_WORKERS must be an integer from 1 to 64, is "two"');
  expect(problems).toContain('GROUNDWIRE_INTROSPECTION must be one of true, false, is "maybe"');
});

test("a misspelled variable is refused with the list of those that exist", () => {
  const [problem] = problemsOf({ GROUNDWIRE_PROT: "4000" });
  expect(problem).toMatch(/^GROUNDWIRE_PROT is not known; the variables are .*GROUNDWIRE_PORT/);
});

test("variables of other programs are none of our business", () => {
  expect(problemsOf({ PORT: "x", PATH: "/bin" })).toEqual([]);
});

test("the table of settings in docs/OPERATIONS.md is that of --help", () => {
  const page = readFileSync(fileURLToPath(new URL("../docs/OPERATIONS.md", import.meta.url)), "utf8");
  const rows = page.matchAll(/^\| `([A-Z_]+)` +\| `?(.*?)`? +\| (.*?) +\|$/gm);
  const found = [...rows].map(([, name, standard, meaning]) => [name, standard, meaning]);
  expect(found).toEqual(
    Object.entries(VARIABLES).map(([name, { default: standard, meaning }]) => [name, standard, meaning]),
  );
});
