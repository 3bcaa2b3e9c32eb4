/** What went wrong, for programs to branch on; messages are for people and may change. */
export type ErrorCode =
  | "BAD_USER_INPUT"
  | "TOO_MANY_INPUTS"
  | "TEXT_TOO_LONG"
  | "IMAGE_UNREADABLE"
  | "IMAGE_TOO_LARGE"
  | "UNKNOWN_PREDICATE"
  | "COLLECTION_NOT_FOUND"
  | "DIMENSION_MISMATCH"
  | "MODEL_MISMATCH"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "RATE_LIMITED"
  | "OVERLOADED"
  | "TIMEOUT"
  | "INTERNAL"
  /** No answer came: the connection failed, or what came was not GraphQL. */
  | "NETWORK"
  /** The caller's signal was aborted. */
  | "ABORTED"
  /** The server refused the query itself, or its answer lacks what was asked for: it is no gateway of this version. */
  | "PROTOCOL";

export interface ErrorDetails {
  /** Where in the answer the error belongs, e.g. ["embed", 2]. */
  path?: readonly (string | number)[];
  /** Milliseconds after which the same call may succeed. */
  retryAfterMs?: number;
  /** HTTP status, where the answer was not 200. */
  status?: number;
  /** What the server's log calls the request, where the answer tells it, as INTERNAL ones do. */
  requestId?: string;
  cause?: unknown;
}

/** Base of every error that this client throws. */
export class GroundwireError extends Error {
  override readonly name: string = "GroundwireError";
  readonly code: ErrorCode;
  readonly path: readonly (string | number)[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.path = details.path;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.requestId = details.requestId;
  }
}

function define<Code extends ErrorCode, Name extends string>(code: Code, name: Name) {
  return class extends GroundwireError {
    override readonly name = name;
    declare readonly code: Code;

    constructor(message: string, details?: ErrorDetails) {
      super(code, message, details);
    }
  };
}

/** An argument breaks a rule; the message names the field, the rule and the value. */
export class BadUserInputError extends define("BAD_USER_INPUT", "BadUserInputError") {}
/** A list has more items than the server's limit. */
export class TooManyInputsError extends define("TOO_MANY_INPUTS", "TooManyInputsError") {}
/** A text has more characters than the server's limit. */
export class TextTooLongError extends define("TEXT_TOO_LONG", "TextTooLongError") {}
/** A picture cannot be decoded. */
export class ImageUnreadableError extends define("IMAGE_UNREADABLE", "ImageUnreadableError") {}
/**
 * A picture has more bytes or pixels than the server's limit for pictures. One that does not even fit a request is a
 * BadUserInputError of status 413.
 */
export class ImageTooLargeError extends define("IMAGE_TOO_LARGE", "ImageTooLargeError") {}
/** A predicate is not in the model's vocabulary. */
export class UnknownPredicateError extends define("UNKNOWN_PREDICATE", "UnknownPredicateError") {}
/** No collection has this id. */
export class CollectionNotFoundError extends define("COLLECTION_NOT_FOUND", "CollectionNotFoundError") {}
/** A vector has another number of values than the model's. */
export class DimensionMismatchError extends define("DIMENSION_MISMATCH", "DimensionMismatchError") {}
/** Vectors of two models would meet. */
export class ModelMismatchError extends define("MODEL_MISMATCH", "ModelMismatchError") {}
/** No key, or an unknown one. */
export class UnauthenticatedError extends define("UNAUTHENTICATED", "UnauthenticatedError") {}
/** The key does not allow this. */
export class ForbiddenError extends define("FORBIDDEN", "ForbiddenError") {}
/** Too many requests of this key; see `retryAfterMs`. */
export class RateLimitedError extends define("RATE_LIMITED", "RateLimitedError") {}
/** The server's queue is full; see `retryAfterMs`. */
export class OverloadedError extends define("OVERLOADED", "OverloadedError") {}
/** The server or this client gave up waiting. */
export class TimeoutError extends define("TIMEOUT", "TimeoutError") {}
/** The server failed; its log has the cause. */
export class InternalError extends define("INTERNAL", "InternalError") {}
/** No answer came. */
export class NetworkError extends define("NETWORK", "NetworkError") {}
/** The caller's signal was aborted. */
export class AbortedError extends define("ABORTED", "AbortedError") {}
/** The server refused the query itself, or its answer lacks what was asked for. */
export class ProtocolError extends define("PROTOCOL", "ProtocolError") {}

const CLASSES = {
  BAD_USER_INPUT: BadUserInputError,
  TOO_MANY_INPUTS: TooManyInputsError,
  TEXT_TOO_LONG: TextTooLongError,
  IMAGE_UNREADABLE: ImageUnreadableError,
  IMAGE_TOO_LARGE: ImageTooLargeError,
  UNKNOWN_PREDICATE: UnknownPredicateError,
  COLLECTION_NOT_FOUND: CollectionNotFoundError,
  DIMENSION_MISMATCH: DimensionMismatchError,
  MODEL_MISMATCH: ModelMismatchError,
  UNAUTHENTICATED: UnauthenticatedError,
  FORBIDDEN: ForbiddenError,
  RATE_LIMITED: RateLimitedError,
  OVERLOADED: OverloadedError,
  TIMEOUT: TimeoutError,
  INTERNAL: InternalError,
  NETWORK: NetworkError,
  ABORTED: AbortedError,
  PROTOCOL: ProtocolError,
} satisfies Record<ErrorCode, new (message: string, details?: ErrorDetails) => GroundwireError>;

/** The class of a code; codes of newer servers and of GraphQL itself become ProtocolError. */
export function createError(code: string, message: string, details: ErrorDetails = {}): GroundwireError {
  const known = Object.hasOwn(CLASSES, code) ? CLASSES[code as ErrorCode] : ProtocolError;
  return new known(message, details);
}

type Classes = typeof CLASSES;

/** True for every error of this client, also across copies of the package. */
export function isGroundwireError(error: unknown): error is GroundwireError {
  return error instanceof Error && Object.hasOwn(CLASSES, String((error as GroundwireError).code));
}

function guard<Code extends ErrorCode>(code: Code) {
  return (error: unknown): error is InstanceType<Classes[Code]> =>
    isGroundwireError(error) && error.code === code;
}

export const isBadUserInputError = guard("BAD_USER_INPUT");
export const isTooManyInputsError = guard("TOO_MANY_INPUTS");
export const isTextTooLongError = guard("TEXT_TOO_LONG");
export const isImageUnreadableError = guard("IMAGE_UNREADABLE");
export const isImageTooLargeError = guard("IMAGE_TOO_LARGE");
export const isUnknownPredicateError = guard("UNKNOWN_PREDICATE");
export const isCollectionNotFoundError = guard("COLLECTION_NOT_FOUND");
export const isDimensionMismatchError = guard("DIMENSION_MISMATCH");
export const isModelMismatchError = guard("MODEL_MISMATCH");
export const isUnauthenticatedError = guard("UNAUTHENTICATED");
export const isForbiddenError = guard("FORBIDDEN");
export const isRateLimitedError = guard("RATE_LIMITED");
export const isOverloadedError = guard("OVERLOADED");
export const isTimeoutError = guard("TIMEOUT");
export const isInternalError = guard("INTERNAL");
export const isNetworkError = guard("NETWORK");
export const isAbortedError = guard("ABORTED");
export const isProtocolError = guard("PROTOCOL");

/** True where the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return isRateLimitedError(error) || isOverloadedError(error) || isNetworkError(error);
}
