import { setFlagsFromString } from "node:v8";

/**
 * For what answers requests for ever. By default V8 lets garbage grow to some hundred MB before it collects it, where the
 * machine has room: what a gateway takes would tell nothing of what it needs.
 */
export function collectOften(): void {
  letGrow(50);
  // Where a piece of code once made objects that lived long, V8 makes all later ones of it among the old. The first
  // requests wait for a cold model; those after them would be collected late, with all that they hold: a tenth of the
  // time of a word in the cache (measured).
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/**
 * For commands that see pictures by the thousand. Each is garbage at once and counts for the heap, which by default would
 * be collected every 50 pictures: a twentieth of the processors' time (measured).
 */
export function collectSeldom(): void {
  letGrow(300);
}

/** @param percent of what a collection left over, after which the next one begins */
function letGrow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
