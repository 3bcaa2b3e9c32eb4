import { setTimeout as sleep } from "node:timers/promises";
import { load, median, report, startGateway } from "./harness.mjs";

const FIRST = 10_000;
const ALL = 100_000;
/** Requests over which resident memory is read: between two collections it goes up and down. */
const WATCHED = 5_000;
const EVERY_MS = 100;

/**
 * Resident MB after 100,000 requests of a mixed kind, some of them wrong, less those after 10,000; each the median of
 * readings over the last 5,000 before.
 * @param {number} requests how many in all
 */
export default async function memory(requests = ALL) {
  const ours = await startGateway();
  try {
    const seen = { requests: 0, failed: 0, codes: {} };
    const before = await driveTo(FIRST, ours, seen);
    const after = await driveTo(requests, ours, seen);
    return report({
      name: "memory",
      unit: "MB",
      better: "lower",
      ours: after - before,
      limit: null,
      residentMb: Math.round(after),
      ...seen,
    });
  } finally {
    await ours.stop();
  }
}

/** @returns resident MB once so many requests have been answered */
async function driveTo(total, ours, seen) {
  await drive(total - WATCHED, ours, seen);
  const readings = [];
  let over = false;
  const watching = (async () => {
    for (; !over; await sleep(EVERY_MS)) readings.push(await residentMb(ours.url));
  })();
  await drive(total, ours, seen);
  over = true;
  await watching;
  return median(readings);
}

async function drive(total, { url }, seen) {
  // A body that is no JSON ends its connection, and the load then counts it twice: hence again for those that are left.
  while (seen.requests < total) {
    const amount = Math.max(64, total - seen.requests);
    const { count, failed, codes } = await load({ url, kind: "mixed", connections: 32, amount });
    seen.requests += count;
    seen.failed += failed;
    for (const [code, times] of Object.entries(codes)) seen.codes[code] = (seen.codes[code] ?? 0) + times;
  }
}

async function residentMb(url) {
  const text = await (await fetch(url.replace("/graphql", "/metrics"))).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20;
}
