import { GroundwireError } from "../errors.js";

export interface Deadline {
  /** Rejects with TIMEOUT at the deadline, or when the caller has gone. */
  expired: Promise<never>;
  clear: () => void;
}

export function createDeadline(timeoutMs: number, signal?: AbortSignal): Deadline {
  let clear = (): void => undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    const fail = (message: string): void => reject(new GroundwireError("TIMEOUT", message));
    const timer = setTimeout(
      () => fail(`the request took longer than its limit of ${timeoutMs} ms`),
      timeoutMs,
    );
    const abort = (): void => fail("the client has gone");
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    clear = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
  });
  expired.catch(() => undefined);
  return { expired, clear };
}
