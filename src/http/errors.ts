import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { isGroundwireError, type ErrorCode } from "../errors.js";

/** HTTP statuses of whole requests; what is not listed is 400. */
export const STATUSES: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  OVERLOADED: 503,
  TIMEOUT: 504,
  INTERNAL: 500,
};

/** What a failed request is told; anything unintended is masked. */
export interface Refusal {
  status: number;
  code: ErrorCode;
  message: string;
  retryAfterMs?: number;
}

/** Turns any error into its answer; logs the ones that are masked, with the request id. */
export function toRefusal(error: unknown, request: FastifyRequest): Refusal {
  if (isGroundwireError(error) && error.code !== "INTERNAL") {
    const { code, message, retryAfterMs } = error;
    return { status: STATUSES[code] ?? 400, code, message, retryAfterMs };
  }
  const { statusCode, message } = error as FastifyError;
  const status = isGroundwireError(error) ? 500 : (statusCode ?? 500);
  if (status < 500) return { status, code: "BAD_USER_INPUT", message };
  request.log.error({ err: error, requestId: request.id }, "request failed");
  return { status, code: "INTERNAL", message: "internal error" };
}

/** Both spellings of when to come back: the standard one in seconds, and the one in milliseconds that SDKs read. */
export function retryHeaders(retryAfterMs: number): [string, string][] {
  return [
    ["retry-after", String(Math.ceil(retryAfterMs / 1000))],
    ["retry-after-ms", String(Math.ceil(retryAfterMs))],
  ];
}

export function addRetryHeaders(reply: FastifyReply, { retryAfterMs }: Refusal): void {
  if (retryAfterMs !== undefined) void reply.headers(Object.fromEntries(retryHeaders(retryAfterMs)));
}

/** What fails before GraphQL is answered in GraphQL's form. */
export function answerHttpError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = toRefusal(error, request);
  const { status, code, message, retryAfterMs } = refusal;
  addRetryHeaders(reply, refusal);
  const extensions = { code, requestId: request.id, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  void reply.code(status).send({ errors: [{ message, extensions }] });
}
