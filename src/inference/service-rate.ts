/** How fast a queue is served, so that whom it refuses can be told when to come again. */
export interface ServiceRate {
  /**
   * Counts a batch that has just been served.
   * @param items what it held, at least 1
   * @param startedAt when it went to a worker, by `now`
   */
  served: (items: number, startedAt: number) => void;
  /** Milliseconds in which so many waiting items will have been served, at the rate of the last batches. */
  waitMs: (waiting: number) => number;
}

/** Share of the newest batch in the rate: some ten batches decide. */
const NEWEST = 0.2;
/** Assumed before the first batch. */
const FIRST_MS_PER_ITEM = 2;
/** Nobody is asked to come back at once, or later than a stalled worker would be replaced. */
const LEAST_MS = 10;
const MOST_MS = 30_000;

/** @param now milliseconds, from any clock that only goes forward. @default performance.now */
export function createServiceRate(now: () => number = () => performance.now()): ServiceRate {
  let msPerItem: number | undefined;
  let lastAt = -Infinity;

  return {
    served(items, startedAt) {
      const at = now();
      // Workers side by side share the time between two answers; a pause before this batch is nobody's.
      const ms = (at - Math.max(lastAt, startedAt)) / items;
      lastAt = at;
      msPerItem = msPerItem === undefined ? ms : msPerItem + NEWEST * (ms - msPerItem);
    },
    waitMs(waiting) {
      const ms = waiting * (msPerItem ?? FIRST_MS_PER_ITEM);
      return Math.ceil(Math.min(MOST_MS, Math.max(LEAST_MS, ms)));
    },
  };
}
