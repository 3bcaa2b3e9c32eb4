import { load, report, startGateway } from "./harness.mjs";

const FIRST = 10_000;
const ALL = 100_000;

/**
 * Resident MB after 100,000 requests of a mixed kind, some of them wrong, less those after 10,000.
 * @param {number} requests how many in all
 */
export default async function memory(requests = ALL) {
  const ours = await startGateway();
  try {
    const drive = (amount) => load({ url: ours.url, kind: "mixed", connections: 32, amount });
    await drive(FIRST);
    const before = await residentMb(ours.url);
    const { codes, failed } = await drive(requests - FIRST);
    const after = await residentMb(ours.url);
    return report({
      name: "memory",
      unit: "MB",
      better: "lower",
      ours: after - before,
      limit: null,
      residentMb: Math.round(after),
      requests,
      failed,
      codes,
    });
  } finally {
    await ours.stop();
  }
}

async function residentMb(url) {
  const text = await (await fetch(url.replace("/graphql", "/metrics"))).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20;
}
