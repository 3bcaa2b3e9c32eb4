import { GroundwireError, isGroundwireError } from "../errors.js";

export interface Deadline {
  /** Rejects with TIMEOUT at the deadline, or with the signal's reason. */
  expired: Promise<never>;
  /** Whether it has expired. */
  readonly over: boolean;
  clear: () => void;
}

export function createDeadline(timeoutMs: number, signal?: AbortSignal): Deadline {
  let clear = (): void => undefined;
  let over = false;
  const expired = new Promise<never>((_resolve, reject) => {
    const late = `the request took longer than its limit of ${timeoutMs} ms`;
    const timer = setTimeout(() => reject(new GroundwireError("TIMEOUT", late)), timeoutMs);
    const abort = (): void => reject(abortError(signal?.reason));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    clear = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
  });
  expired.catch(() => (over = true));
  return {
    expired,
    get over() {
      return over;
    },
    clear,
  };
}

function abortError(reason: unknown): GroundwireError {
  if (isGroundwireError(reason)) return reason;
  return new GroundwireError("TIMEOUT", "the client has gone", { cause: reason });
}
