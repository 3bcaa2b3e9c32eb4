import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { parseApiKeys, type ApiKey } from "./http/auth.js";

export interface Config {
  /** TCP port; 0 lets the system choose. */
  port: number;
  host: string;
  /** Bundle name below models/, or a path; undefined means models/default. */
  model: string | undefined;
  /** Folder of the collections. */
  dataDir: string;
  /** Origins that browsers may call from; empty means none. */
  corsOrigins: readonly string[];
  /** Addresses and networks of the proxies whose x-forwarded-for tells a client's address. */
  trustProxy: readonly string[];
  maxBatchTokens: number;
  maxQueue: number;
  maxTexts: number;
  maxBodyBytes: number;
  workers: number;
  threadsPerWorker: number;
  cacheEntries: number;
  requestTimeoutMs: number;
  /** Most cost units of one request (see graphql/cost.ts); a short text is 1. */
  maxCost: number;
  /** Cost units that one caller may spend a second; 0 means no limit. */
  rateLimit: number;
  /** Digests of the keys that may call; empty means that everybody may. */
  apiKeys: readonly ApiKey[];
  /** Documents that alone are executed: `sdk`, paths, or both; empty means that all are. */
  trustedDocuments: string;
  /** Base URL of an OpenTelemetry collector (OTLP over HTTP), from OTEL_EXPORTER_OTLP_ENDPOINT. */
  otlpEndpoint: string | undefined;
  introspection: boolean;
  logLevel: string;
}

const PREFIX = "GROUNDWIRE_";
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** More copies of the model would take memory for little. */
const MOST_WORKERS = 2;
/** More threads gain little on batches of short texts, and wait for each other. */
const MOST_THREADS = 4;

/** Meaning and default of every variable; `groundwire serve --help` and docs/OPERATIONS.md print this table. */
export const VARIABLES = {
  PORT: { default: "4000", meaning: "TCP port, 0 to 65535; 0 lets the system choose" },
  HOST: { default: "127.0.0.1", meaning: "address to listen on" },
  MODEL: {
    default: "",
    meaning: "bundle below models/ or a path; empty means the one that models/default names",
  },
  DATA_DIR: { default: "data", meaning: "folder of the collections, made when the first one is" },
  STORE: { default: "embedded", meaning: "where collections live: embedded, which is below DATA_DIR" },
  CORS_ORIGINS: {
    default: "",
    meaning: "comma-separated origins that browsers may call from; empty means none",
  },
  TRUST_PROXY: {
    default: "",
    meaning:
      "comma-separated addresses or networks (10.0.0.0/8) of proxies whose x-forwarded-for is believed; empty means none",
  },
  MAX_BATCH_TOKENS: { default: "4096", meaning: "padded tokens in one batch of the model, 128 to 1048576" },
  MAX_QUEUE: { default: "8192", meaning: "texts that may wait for the model, 1 to 1048576" },
  MAX_TEXTS: { default: "512", meaning: "texts in one list argument, 1 to 65536" },
  MAX_BODY_BYTES: {
    default: "16777216",
    meaning:
      "bytes of a request body, 1024 to 1073741824; a picture takes 4/3 of its own, so this holds 12 MB",
  },
  WORKERS: {
    default: "",
    meaning:
      "threads that run the model side by side, each with a copy of it, 1 to 64; empty means one a processor, at most 2",
  },
  THREADS_PER_WORKER: {
    default: "",
    meaning:
      "onnxruntime threads of each worker, 1 to 64; empty means that the workers share the processors, at most 4 each",
  },
  CACHE_ENTRIES: { default: "50000", meaning: "vectors kept for texts seen before, 0 to 10000000" },
  REQUEST_TIMEOUT_MS: { default: "30000", meaning: "milliseconds that a request may take, 100 to 600000" },
  MAX_COST: {
    default: "5000",
    meaning: "cost of one request, 1 to 1000000000; a short text is 1, a search 1, an image 20",
  },
  RATE_LIMIT: {
    default: "0",
    meaning: "cost units that one key (or address) may spend a second, 0 to 1000000000; 0 means no limit",
  },
  API_KEYS: {
    default: "",
    meaning: "read:KEY,write:KEY with KEYs of at least 16 characters; empty means that no key is needed",
  },
  TRUSTED_DOCUMENTS: {
    default: "",
    meaning:
      "execute only these: sdk (what the SDK asks), paths of GraphQL documents, or both with commas; empty means all",
  },
  INTROSPECTION: {
    default: "",
    meaning:
      "true or false: serve the schema and GraphiQL; empty means true, but false with NODE_ENV=production",
  },
  LOG_LEVEL: { default: "info", meaning: LOG_LEVELS.join(", ") },
} as const;

type Name = keyof typeof VARIABLES;

/** Everything that is wrong with the environment, in one message. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads the configuration; the only reader of the environment.
 * @throws ConfigError listing every wrong or unknown GROUNDWIRE_ variable.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const problems = unknownVariables(environment);

  function text(name: Name): string {
    return environment[PREFIX + name] ?? VARIABLES[name].default;
  }
  function integer(name: Name, least: number, most: number): number {
    const value = Number(text(name));
    if (text(name).trim() === "" || !Number.isInteger(value) || value < least || value > most) {
      problems.push(
        `${PREFIX}${name} must be an integer from ${least} to ${most}, is ${JSON.stringify(text(name))}`,
      );
    }
    return value;
  }
  function nonEmpty(name: Name): string {
    if (text(name).trim() === "") problems.push(`${PREFIX}${name} must not be empty`);
    return text(name);
  }
  function oneOf(name: Name, allowed: readonly string[]): string {
    if (!allowed.includes(text(name))) {
      problems.push(
        `${PREFIX}${name} must be one of ${allowed.join(", ")}, is ${JSON.stringify(text(name))}`,
      );
    }
    return text(name);
  }

  const workers =
    text("WORKERS") === "" ? Math.min(MOST_WORKERS, availableParallelism()) : integer("WORKERS", 1, 64);
  const config: Config = {
    port: integer("PORT", 0, 65_535),
    host: nonEmpty("HOST"),
    model: text("MODEL") || undefined,
    dataDir: text("DATA_DIR") || VARIABLES.DATA_DIR.default,
    corsOrigins: origins(text("CORS_ORIGINS"), problems),
    trustProxy: proxies(text("TRUST_PROXY"), problems),
    maxBatchTokens: integer("MAX_BATCH_TOKENS", 128, 1_048_576),
    maxQueue: integer("MAX_QUEUE", 1, 1_048_576),
    maxTexts: integer("MAX_TEXTS", 1, 65_536),
    maxBodyBytes: integer("MAX_BODY_BYTES", 1024, 1_073_741_824),
    workers,
    threadsPerWorker:
      text("THREADS_PER_WORKER") === "" ? shareOfProcessors(workers) : integer("THREADS_PER_WORKER", 1, 64),
    cacheEntries: integer("CACHE_ENTRIES", 0, 10_000_000),
    requestTimeoutMs: integer("REQUEST_TIMEOUT_MS", 100, 600_000),
    maxCost: integer("MAX_COST", 1, 1_000_000_000),
    rateLimit: integer("RATE_LIMIT", 0, 1_000_000_000),
    apiKeys: parseApiKeys(text("API_KEYS"), `${PREFIX}API_KEYS`, problems),
    trustedDocuments: text("TRUSTED_DOCUMENTS"),
    otlpEndpoint: collector(environment.OTEL_EXPORTER_OTLP_ENDPOINT, problems),
    introspection:
      text("INTROSPECTION") === ""
        ? environment.NODE_ENV !== "production"
        : oneOf("INTROSPECTION", ["true", "false"]) === "true",
    logLevel: oneOf("LOG_LEVEL", LOG_LEVELS),
  };
  oneOf("STORE", ["embedded"]);
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return config;
}

function unknownVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = new Set(Object.keys(VARIABLES).map((name) => PREFIX + name));
  // Test and data settings of the repository share the prefix.
  const foreign = new Set(["GROUNDWIRE_DATA", "GROUNDWIRE_PARITY_FILE"]);
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !known.has(name) && !foreign.has(name))
    .map((name) => `${name} is not known; the variables are ${[...known].join(", ")}`);
}

function origins(list: string, problems: string[]): string[] {
  const given = listed(list);
  for (const origin of given) {
    if (origin !== "*" && !(URL.canParse(origin) && new URL(origin).origin === origin)) {
      problems.push(
        `${PREFIX}CORS_ORIGINS must list origins such as https://example.org, has ${JSON.stringify(origin)}`,
      );
    }
  }
  return given;
}

function proxies(list: string, problems: string[]): string[] {
  const given = listed(list);
  for (const network of given) {
    const [address = "", bits = "1", ...rest] = network.split("/");
    const most = { 4: 32, 6: 128 }[isIP(address)] ?? 0;
    if (rest.length > 0 || !/^\d+$/.test(bits) || Number(bits) < 1 || Number(bits) > most)
      problems.push(
        `${PREFIX}TRUST_PROXY must list addresses or networks such as 10.0.0.0/8, has ${JSON.stringify(network)}`,
      );
  }
  return given;
}

function listed(list: string): string[] {
  const values = list.split(",").map((value) => value.trim());
  return values.filter((value) => value !== "");
}

/** The variable's name is OpenTelemetry's own, so that one setting serves all programs of a host. */
function collector(url: string | undefined, problems: string[]): string | undefined {
  if (url && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    problems.push(`OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL, is ${JSON.stringify(url)}`);
  }
  return url || undefined;
}

/** Threads of a graph that has all workers' to itself, however many of them were asked for. */
export function allThreads({
  workers,
  threadsPerWorker,
}: Pick<Config, "workers" | "threadsPerWorker">): number {
  return Math.min(workers * threadsPerWorker, availableParallelism());
}

/** Threads for each of so many workers. */
function shareOfProcessors(workers: number): number {
  return Math.max(1, Math.min(MOST_THREADS, Math.floor(availableParallelism() / workers)));
}
