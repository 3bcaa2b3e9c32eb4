import { aborted, runWithin } from "./abort.js";
import { createError, GroundwireError, NetworkError, ProtocolError } from "./errors.js";
import { toJson } from "./json.js";

export interface GraphQLRequest {
  query: string;
  variables: Record<string, unknown>;
}

export interface GraphQLFailure {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; retryAfterMs?: number; requestId?: string };
}

export interface GraphQLResponse {
  data?: Record<string, unknown> | null;
  errors?: readonly GraphQLFailure[];
}

export interface TransportOptions {
  url: string;
  fetch: typeof fetch;
  headers: Headers;
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
};

/** An answer that is not GraphQL, e.g. of a captive portal: it judges nothing of what was sent. */
export class ForeignAnswerError extends ProtocolError {}

/** Sends a request, again after network errors, 408, 429 and 5xx, and after OVERLOADED or RATE_LIMITED answers. */
export function createTransport(options: TransportOptions): Send {
  return async (request, { signal, idempotent }) => {
    const body = toJson(request);
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
  { url, fetch, headers, timeoutMs }: TransportOptions,
  body: string,
  signal: AbortSignal,
): Promise<GraphQLResponse> {
  try {
    return await runWithin({ name: url, timeoutMs, signal }, async (signal) => {
      // A copy, so that a fetch which adds to them adds once; plain, so that one which spreads them has them.
      const init = { method: "POST", headers: Object.fromEntries(headers), body, signal };
      const response = await fetch(url, init);
      return readResponse(response, await response.text());
    });
  } catch (cause) {
    if (cause instanceof GroundwireError) throw cause;
    throw new NetworkError(`${url} cannot be reached: ${describe(cause)}`, { cause });
  }
}

/** Answers with data count whatever their status, and so do errors that name their field; the rest is one error. */
function readResponse(response: Response, text: string): GraphQLResponse {
  const body = parse(text);
  const [first] = body.errors;
  if (body.data || first?.path) return body;
  throw first ? refusalError(response, first) : foreignError(response, text);
}

function refusalError(response: Response, { message, extensions }: GraphQLFailure): GroundwireError {
  const { status } = response;
  const { code = codeOf(status), requestId } = extensions ?? {};
  const retryAfterMs = extensions?.retryAfterMs ?? retryAfter(response);
  return createError(code, message, { status, retryAfterMs, requestId });
}

function foreignError(response: Response, text: string): GroundwireError {
  const { status } = response;
  const code = codeOf(status);
  const message = `HTTP ${status}: ${text.slice(0, 200)}`;
  const details = { status, retryAfterMs: retryAfter(response) };
  return code === "PROTOCOL" ? new ForeignAnswerError(message, details) : createError(code, message, details);
}

/** Of an answer that names no code. A proxy's 503 does not say whether the gateway has seen the request. */
function codeOf(status: number): string {
  return CODES[status] ?? (status >= 500 ? "NETWORK" : "PROTOCOL");
}

/** Whatever came, in the form that the rest relies on. */
function parse(text: string): Required<GraphQLResponse> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // An answer of neither data nor errors is told as what it is.
  }
  const { data, errors } = isRecord(body) ? body : {};
  return {
    data: isRecord(data) ? data : null,
    errors: Array.isArray(errors) ? errors.filter(isFailure) : [],
  };
}

function isFailure(value: unknown): value is GraphQLFailure {
  return isRecord(value) && typeof value.message === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
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

/** fetch hides what happened, e.g. ECONNREFUSED, in its error's cause. */
function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
