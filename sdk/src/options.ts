import { BadUserInputError } from "./errors.js";

export type Fetch = typeof globalThis.fetch;

export interface ClientOptions {
  /** The gateway's GraphQL endpoint, e.g. `http://127.0.0.1:4000/graphql`. */
  url: string;
  /** Sent as a bearer token. */
  apiKey?: string;
  /**
   * Milliseconds for one attempt of a request, and for fetching a picture that is given as a URL; 1 to 2147483647. An
   * attempt that takes longer is not repeated.
   * @default 30000
   */
  timeoutMs?: number;
  /**
   * Attempts after the first, with exponential backoff, for network errors, 408, 429 and 5xx; 0 or more.
   * @default 3
   */
  retries?: number;
  /** Most requests in flight at once, 1 or more. @default 4 */
  maxConcurrency?: number;
  /**
   * Several operations in one document. False for gateways that take only trusted documents: calls of
   * one kind still share a request. @default true
   */
  combine?: boolean;
  /** Sent with every request, but for an `authorization` beside an `apiKey`, and for any `content-type`. */
  headers?: Record<string, string>;
  /** Also fetches pictures that are given as URLs. @default globalThis.fetch */
  fetch?: Fetch;
}

export interface CallOptions {
  /** Aborts this call alone; calls that share its request go on. */
  signal?: AbortSignal;
}

const MOST_TIMER_MS = 2_147_483_647;

export interface CheckedOptions extends Required<Omit<ClientOptions, "apiKey" | "headers">> {
  headers: Headers;
}

/** @throws BadUserInputError naming the option, its rule and its value. */
export function checkOptions(options: ClientOptions): CheckedOptions {
  const { url, timeoutMs = 30_000, retries = 3, maxConcurrency = 4, combine = true } = options;
  const isHttp = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  require(isHttp, "url must be an http or https address", url);
  require(timeoutMs >= 1 && timeoutMs <= MOST_TIMER_MS, `timeoutMs must be 1 to ${MOST_TIMER_MS}`, timeoutMs);
  require(Number.isInteger(retries) && retries >= 0, "retries must be an integer of 0 or more", retries);
  const isLimit = Number.isInteger(maxConcurrency) && maxConcurrency >= 1;
  require(isLimit, "maxConcurrency must be an integer of 1 or more", maxConcurrency);
  // Browsers refuse a fetch that is called as a method of another object.
  const fetch = options.fetch ?? ((...args) => globalThis.fetch(...args));
  return { url, timeoutMs, retries, maxConcurrency, combine, headers: buildHeaders(options), fetch };
}

/** Each is set, whatever its case: fetch would send two spellings of one name as one value. */
function buildHeaders({ headers = {}, apiKey }: ClientOptions): Headers {
  const built = new Headers({ accept: "application/json" });
  for (const [name, value] of Object.entries(headers)) setHeader(built, name, value);
  if (apiKey !== undefined) setHeader(built, "authorization", `Bearer ${apiKey}`);
  built.set("content-type", "application/json");
  return built;
}

function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    // Neither the value nor the cause, which has it, is told: it may be a secret.
    throw new BadUserInputError(`the header ${name} must have a name and a value that HTTP allows`);
  }
}

function require(holds: boolean, rule: string, value: unknown): void {
  if (!holds) throw new BadUserInputError(`${rule}, is ${JSON.stringify(value)}`);
}
