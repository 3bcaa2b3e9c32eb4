/**
 * Every code that a client can meet in `extensions.code`. Clients branch on the code, never on the message.
 */
export const ERROR_CODES = [
  "BAD_USER_INPUT",
  "TOO_MANY_INPUTS",
  "TEXT_TOO_LONG",
  "IMAGE_UNREADABLE",
  "IMAGE_TOO_LARGE",
  "UNKNOWN_PREDICATE",
  "COLLECTION_NOT_FOUND",
  "DIMENSION_MISMATCH",
  "MODEL_MISMATCH",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "OVERLOADED",
  "TIMEOUT",
  "INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface GroundwireErrorOptions {
  cause?: unknown;
  /** Milliseconds after which the same request may succeed (RATE_LIMITED and OVERLOADED). */
  retryAfterMs?: number;
}

/**
 * An intended error: its message names the field, the rule and the value, and may be shown to the caller.
 * Anything else that is thrown is logged with the request id and masked as INTERNAL.
 */
export class GroundwireError extends Error {
  override readonly name = "GroundwireError";
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: GroundwireErrorOptions = {}) {
    // Where it was thrown tells nobody anything: a cause has its own stack, and an overloaded server throws thousands.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export function isGroundwireError(error: unknown): error is GroundwireError {
  return error instanceof GroundwireError;
}

/** Anything that is no intended error becomes INTERNAL, with its cause kept for the log. */
export function toGroundwireError(error: unknown): GroundwireError {
  if (isGroundwireError(error)) return error;
  return new GroundwireError("INTERNAL", "internal error", { cause: error });
}
