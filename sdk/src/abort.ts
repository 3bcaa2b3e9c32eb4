import { AbortedError, GroundwireError, TimeoutError } from "./errors.js";

/** The error of an aborted call: a TimeoutError where the signal came from `AbortSignal.timeout`. */
export function aborted(signal: AbortSignal): GroundwireError {
  const cause: unknown = signal.reason;
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  return timedOut
    ? new TimeoutError("the call's signal timed out", { cause })
    : new AbortedError("the call was aborted", { cause });
}

/**
 * What a promise comes to, or the abort where that comes first. Promise.race would keep every outcome in memory for as
 * long as the signal lives.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(aborted(signal));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

export interface Bounds {
  /** What is waited for, as messages name it. */
  name: string;
  /** Milliseconds. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

/**
 * Runs a task under a signal that ends it with the caller's, or once its time is over.
 * @throws TimeoutError, the caller's abort, or what the task throws by itself.
 */
export async function runWithin<T>(
  { name, timeoutMs, signal }: Bounds,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw aborted(signal);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const timer = setTimeout(stop, timeoutMs);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await task(controller.signal);
  } catch (cause) {
    if (cause instanceof GroundwireError) throw cause;
    if (signal?.aborted) throw aborted(signal);
    if (controller.signal.aborted) {
      throw new TimeoutError(`no answer from ${name} within ${timeoutMs} ms`, { cause });
    }
    throw cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
