import { LRUCache } from "lru-cache";
import { GroundwireError } from "../errors.js";

export interface RateLimiter {
  /**
   * Takes a request's cost from its caller's allowance.
   * @throws GroundwireError RATE_LIMITED with `retryAfterMs`, the time until the allowance suffices.
   */
  spend: (callerId: string, cost: number) => void;
}

export interface RateLimiterOptions {
  /** Cost units (see graphql/cost.ts) that each caller may spend a second; 0 means no limit. */
  unitsPerSecond: number;
  /** Milliseconds, from any clock that only goes forward. @default performance.now */
  now?: () => number;
}

interface Bucket {
  units: number;
  filledAt: number;
}

/** A caller who was idle may spend this many seconds' worth at once. */
const BURST_SECONDS = 10;
/** Sums of fractions miss the exact value by a little. */
const ROUNDING = 1e-6;
/** Callers remembered; one who is forgotten starts with a full allowance. */
const MAX_CALLERS = 100_000;

/** A token bucket a caller. Uses a monotonic clock, so that a clock jump neither blocks nor frees anybody. */
export function createRateLimiter({
  unitsPerSecond,
  now = () => performance.now(),
}: RateLimiterOptions): RateLimiter {
  const capacity = unitsPerSecond * BURST_SECONDS;
  const buckets = new LRUCache<string, Bucket>({ max: MAX_CALLERS });

  function refill(callerId: string): Bucket {
    const at = now();
    const bucket = buckets.get(callerId) ?? { units: capacity, filledAt: at };
    bucket.units = Math.min(capacity, bucket.units + ((at - bucket.filledAt) / 1000) * unitsPerSecond);
    bucket.filledAt = at;
    buckets.set(callerId, bucket);
    return bucket;
  }

  return {
    spend(callerId, cost) {
      if (unitsPerSecond === 0) return;
      const bucket = refill(callerId);
      // What costs more than a full bucket is let through from a full one and leaves a debt.
      const needed = Math.min(cost, capacity);
      if (bucket.units >= needed - ROUNDING) {
        bucket.units -= cost;
        return;
      }
      const retryAfterMs = Math.ceil(((needed - bucket.units) / unitsPerSecond) * 1000);
      const message = `this caller may spend ${unitsPerSecond} cost units a second; the request costs ${Math.ceil(cost)}`;
      throw new GroundwireError("RATE_LIMITED", message, { retryAfterMs });
    },
  };
}
