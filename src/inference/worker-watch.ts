import type { WorkerSettings } from "./protocol.js";

export type WorkerKind = WorkerSettings["kind"];

/** A worker that ended though nobody asked it to. */
export interface WorkerTrouble {
  kind: WorkerKind;
  /** False where it ended before it was ready. */
  wasReady: boolean;
  /** What it threw, or the code that it ended with. */
  error: Error;
  /** Milliseconds until another is started in its place; undefined where none will be. */
  restartInMs?: number;
}

/** What becomes of the workers of several pools. */
export interface WorkerWatch {
  /** Workers replaced after a death. */
  readonly restarts: Readonly<Record<WorkerKind, number>>;
  /** Told of every trouble, once it is set. */
  onTrouble: (trouble: WorkerTrouble) => void;
}

/** `tell` is for the pools, `watch` for who wants to know. */
export function createWorkerWatch() {
  const restarts = { encode: 0, search: 0, visual: 0, relate: 0 };
  const watch: WorkerWatch = { restarts, onTrouble: () => undefined };

  function tell(trouble: WorkerTrouble): void {
    if (trouble.restartInMs !== undefined) restarts[trouble.kind] += 1;
    watch.onTrouble(trouble);
  }

  return { watch, tell };
}
