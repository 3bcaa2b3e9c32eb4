import { getPriority, setPriority } from "node:os";

/** How much nicer than its parent: nearly all the time goes to others where they want it. */
const NICER = 10;
const NICEST = 19;

/**
 * Lets others go first: the processes, on Linux also the threads, that answer requests. Linux gives the thread that calls
 * a priority of its own, which those that it starts inherit; elsewhere it is the whole process's.
 */
export function goLast(): void {
  setPriority(Math.min(NICEST, getPriority() + NICER));
}
