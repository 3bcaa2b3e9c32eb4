import { AbortedError, createError, NetworkError, TimeoutError, type GroundwireError } from "./errors.js";

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

export type Send = (request: GraphQLRequest, signal: AbortSignal) => Promise<GraphQLResponse>;

const RETRIED_STATUSES = new Set([408, 429]);
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

/** Sends a request, again after network errors, 408, 429 and 5xx, and after OVERLOADED or RATE_LIMITED answers. */
export function createTransport(options: TransportOptions): Send {
  return async (request, signal) => {
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await sendOnce(options, request, signal);
        const refusal = attempt < options.retries ? findRefusal(response) : undefined;
        if (!refusal) return response;
        await delay(retryDelay(attempt, refusal.extensions?.retryAfterMs), signal);
      } catch (error) {
        if (signal.aborted || attempt >= options.retries || !mayRetry(error as GroundwireError)) throw error;
        await delay(retryDelay(attempt, (error as GroundwireError).retryAfterMs), signal);
      }
    }
  };
}

async function sendOnce(options: TransportOptions, request: GraphQLRequest, signal: AbortSignal): Promise<GraphQLResponse> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  try {
    const response = await options.fetch(options.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...options.headers },
      body: JSON.stringify(request),
      signal: anySignal(signal, timeout),
    });
    return await readResponse(response);
  } catch (cause) {
    if (isOwn(cause)) throw cause;
    if (signal.aborted) throw new AbortedError("the call was aborted", { cause });
    if (timeout.aborted) throw new TimeoutError(`no answer within ${options.timeoutMs} ms`, { cause });
    throw new NetworkError(`${options.url} cannot be reached: ${String(cause)}`, { cause });
  }
}

/** GraphQL answers count whatever their status; the rest becomes one error. */
async function readResponse(response: Response): Promise<GraphQLResponse> {
  const text = await response.text();
  const body = parse(text);
  const retryAfterMs = retryAfter(response);
  if (body?.data) return body;
  const first = body?.errors?.[0];
  const details = { status: response.status, retryAfterMs: first?.extensions?.retryAfterMs ?? retryAfterMs };
  if (first) throw createError(first.extensions?.code ?? codeOf(response.status), first.message, details);
  throw createError(codeOf(response.status), `HTTP ${response.status}: ${text.slice(0, 200)}`, details);
}

function parse(text: string): GraphQLResponse | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(status: number): string {
  const codes: Record<number, string> = { 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 408: "TIMEOUT", 429: "RATE_LIMITED" };
  return codes[status] ?? (status >= 500 ? "NETWORK" : "PROTOCOL");
}

function findRefusal({ errors }: GraphQLResponse): GraphQLFailure | undefined {
  return errors?.find(({ extensions }) => extensions?.code === "OVERLOADED" || extensions?.code === "RATE_LIMITED");
}

function mayRetry({ code, status }: GroundwireError): boolean {
  if (status !== undefined) return status >= 500 || RETRIED_STATUSES.has(status);
  return code === "NETWORK" || code === "OVERLOADED" || code === "RATE_LIMITED";
}

/** Exponential with full jitter, never sooner than the server asks. */
function retryDelay(attempt: number, retryAfterMs = 0): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return retryAfterMs + Math.random() * ceiling;
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
      reject(new AbortedError("the call was aborted"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** AbortSignal.any, which Node has only since 20.3. */
function anySignal(...signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true, signal: controller.signal });
  }
  return controller.signal;
}

function isOwn(error: unknown): boolean {
  return error instanceof Error && "code" in error && "retryAfterMs" in error;
}
