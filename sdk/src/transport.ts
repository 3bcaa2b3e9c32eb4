import { AbortedError, createError, GroundwireError, NetworkError, TimeoutError } from "./errors.js";

export interface GraphQLRequest {
  query: string;
  variables: Record<string, unknown>;
}

export interface GraphQLFailure {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; retryAfterMs?: number };
}

export interface GraphQLResponse {
  data?: Record<string, unknown> | null;
  errors?: readonly GraphQLFailure[];
}

export interface TransportOptions {
  url: string;
  fetch: typeof fetch;
  headers: Record<string, string>;
  /** Milliseconds for one attempt. */
  timeoutMs: number;
  /** Attempts after the first. */
  retries: number;
}

export interface SendOptions {
  signal: AbortSignal;
  /** False where a request that may have been carried out must not be sent again. */
  idempotent: boolean;
}

/** @throws GroundwireError where the request as a whole got no GraphQL answer. */
export type Send = (request: GraphQLRequest, options: SendOptions) => Promise<GraphQLResponse>;

const FIRST_DELAY_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** A server that asks for a longer wait gets no retry: the caller learns `retryAfterMs` at once. */
const LONGEST_RETRY_AFTER_MS = 60_000;
const REFUSALS = new Set(["OVERLOADED", "RATE_LIMITED"]);
const CODES: Record<number, string> = {
  401: "UNAUTHENTICATED",
  403: "FORBIDDEN",
  408: "TIMEOUT",
  413: "BAD_USER_INPUT",
  429: "RATE_LIMITED",
  503: "OVERLOADED",
};

/** Sends a request, again after network errors, 408, 429 and 5xx, and after OVERLOADED or RATE_LIMITED answers. */
export function createTransport(options: TransportOptions): Send {
  return async (request, { signal, idempotent }) => {
    const body = JSON.stringify(request);
    for (let attempt = 0; ; attempt++) {
      const last = attempt >= options.retries;
      let waitMs: number;
      try {
        const response = await sendOnce(options, body, signal);
        const refusal = findRefusal(response);
        waitMs = retryDelay(attempt, refusal?.extensions?.retryAfterMs);
        if (!refusal || last || waitMs === Infinity) return response;
      } catch (error) {
        waitMs = retryDelay(attempt, (error as GroundwireError).retryAfterMs);
        if (last || waitMs === Infinity || !mayRetry(error as GroundwireError, idempotent)) throw error;
      }
      await delay(waitMs, signal);
    }
  };
}

async function sendOnce(
  options: TransportOptions,
  body: string,
  signal: AbortSignal,
): Promise<GraphQLResponse> {
  if (signal.aborted) throw aborted(signal);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const timer = setTimeout(stop, options.timeoutMs);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const response = await options.fetch(options.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...options.headers },
      body,
      signal: controller.signal,
    });
    return readResponse(response, await response.text());
  } catch (cause) {
    if (cause instanceof GroundwireError) throw cause;
    if (signal.aborted) throw aborted(signal);
    if (controller.signal.aborted)
      throw new TimeoutError(`no answer within ${options.timeoutMs} ms`, { cause });
    throw new NetworkError(`${options.url} cannot be reached: ${describe(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Answers with data count whatever their status, and so do errors that name their field; the rest is one error. */
function readResponse(response: Response, text: string): GraphQLResponse {
  const body = parse(text);
  const first = body?.errors?.[0];
  if (body && (body.data || first?.path)) return body;
  const { status } = response;
  const code = first?.extensions?.code ?? CODES[status] ?? (status >= 500 ? "NETWORK" : "PROTOCOL");
  const retryAfterMs = first?.extensions?.retryAfterMs ?? retryAfter(response);
  throw createError(code, first?.message ?? `HTTP ${status}: ${text.slice(0, 200)}`, {
    status,
    retryAfterMs,
  });
}

function parse(text: string): GraphQLResponse | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function findRefusal({ errors }: GraphQLResponse): GraphQLFailure | undefined {
  return errors?.find(({ extensions }) => REFUSALS.has(extensions?.code ?? ""));
}

/** A refusal has not been carried out; of any other failure that cannot be known. */
function mayRetry({ code, status }: GroundwireError, idempotent: boolean): boolean {
  if (REFUSALS.has(code)) return true;
  if (!idempotent) return false;
  return status === undefined ? code === "NETWORK" : status >= 500 || status === 408;
}

/** Exponential with full jitter, never sooner than the server asks; Infinity where it asks for too long a wait. */
function retryDelay(attempt: number, retryAfterMs = 0): number {
  if (retryAfterMs > LONGEST_RETRY_AFTER_MS) return Infinity;
  return retryAfterMs + Math.random() * Math.min(LONGEST_BACKOFF_MS, FIRST_DELAY_MS * 2 ** attempt);
}

/** Retry-After in seconds or as a date. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  if (!value) return undefined;
  const ms = Number.isFinite(Number(value)) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(aborted(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** The error of an aborted call: a TimeoutError where the signal came from `AbortSignal.timeout`. */
export function aborted(signal: AbortSignal): GroundwireError {
  const cause: unknown = signal.reason;
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  return timedOut
    ? new TimeoutError("the call's signal timed out", { cause })
    : new AbortedError("the call was aborted", { cause });
}

/** fetch hides what happened, e.g. ECONNREFUSED, in its error's cause. */
function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
