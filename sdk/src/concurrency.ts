/** Runs at most `limit` tasks at once; the others wait in order. Tasks must not reject. */
export function limitConcurrency(limit: number): (task: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async function inTurn(task) {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      await task();
    } finally {
      // A waiting task takes over the place, so that none can slip in between.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
