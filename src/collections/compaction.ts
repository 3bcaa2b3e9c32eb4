import { fork } from "node:child_process";
import { once } from "node:events";
import { builtScript } from "../built-script.js";

/** What is merged: a table of a folder. */
export interface CompactionTarget {
  folder: string;
  place: string;
  countRows: () => Promise<number>;
}

export interface Compactor {
  /** Called after every commit, with its rows. Resolves when the next commit may come. */
  afterCommit: (rows: number) => Promise<void>;
  /**
   * Resolves once nothing is being merged.
   * @param graceMs milliseconds after which a merge is given up; the table stays as it was. @default no limit
   */
  idle: (graceMs?: number) => Promise<void>;
}

/** Commits after which it is worth looking whether small files are to be merged into large ones. */
const COMMITS = 64;
/** So many are merged however large the table is: every search opens each of their files. */
const MOST_COMMITS = 1024;
/** Bytes that a merge reads ahead. Without a limit it is 2 GB, and so all of a collection. */
const READ_AHEAD = 32 * 2 ** 20;

/**
 * Merges a table's small files in a process of its own, beside the writes. In this process each merge would leave
 * memory behind, as much as the collection is large: the system's allocator keeps what native code frees in large
 * pieces. A merge writes the whole table anew, so it waits until the table has doubled since the last one.
 */
export function createCompactor({ folder, place, countRows }: CompactionTarget): Compactor {
  let commits = 0;
  let pending = 0;
  let running: Promise<void> | undefined;
  let givingUp = new AbortController();
  let failed = false;

  async function afterCommit(rows: number): Promise<void> {
    commits += 1;
    pending += rows;
    if (!running && commits >= COMMITS && commits % COMMITS === 0 && (await isDue()))
      running = merge().finally(() => (running = undefined));
    // A write got in the way of the last attempt; this one shall succeed.
    if (failed) await running;
  }

  async function isDue(): Promise<boolean> {
    return commits >= MOST_COMMITS || 2 * pending >= (await countRows());
  }

  async function merge(): Promise<void> {
    const before = { commits, pending };
    failed = !(await runProcess(folder, place, givingUp.signal));
    if (failed) return;
    commits -= before.commits;
    pending -= before.pending;
  }

  async function idle(graceMs?: number): Promise<void> {
    if (!running || graceMs === undefined) return running;
    const timer = setTimeout(() => givingUp.abort(), graceMs);
    await running;
    clearTimeout(timer);
    givingUp = new AbortController();
  }

  return { afterCommit, idle };
}

/** @returns whether it succeeded; nothing is lost where it did not. */
async function runProcess(folder: string, place: string, signal: AbortSignal): Promise<boolean> {
  const child = fork(builtScript("collections/compact"), [folder, place], {
    env: { ...process.env, LANCE_DEFAULT_IO_BUFFER_SIZE: String(READ_AHEAD) },
    execArgv: [],
    stdio: "ignore",
    signal,
    // It sleeps in native code, where it would see no other.
    killSignal: "SIGKILL",
  });
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
