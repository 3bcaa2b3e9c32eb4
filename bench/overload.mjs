import { join } from "node:path";
import { load, report, root, round, runJson, startGateway } from "./harness.mjs";

const SECONDS = 20;
/** Texts that may wait: a bound on the time in the queue, which the accepted ones feel. */
const MAX_QUEUE = 64;

/**
 * Twice as many requests as the gateway can answer: p99 of those it accepts, against their p99 at saturation.
 * @param {number} seconds how long it lasts
 */
export default async function overload(seconds = SECONDS) {
  const ours = await startGateway({ MAX_QUEUE });
  try {
    await load({ url: ours.url, kind: "embed", connections: 64, seconds: 4 });
    const saturated = await load({ url: ours.url, kind: "embed", connections: 64, seconds: 8 });
    const options = { url: ours.url, rate: Math.round(2 * saturated.rate), seconds };
    const result = await runJson(process.execPath, [
      join(root, "bench", "open-loop.mjs"),
      JSON.stringify(options),
    ]);
    const { accepted, refused, lost } = result;
    return report({
      name: "overload",
      unit: "ms (p99 of accepted requests at 2 x saturation)",
      better: "lower",
      ours: accepted.p99,
      limit: saturated.p99,
      saturation: round(saturated.rate),
      offered: options.rate,
      seconds,
      accepted: accepted.count,
      refused: refused.count,
      refusedP99: round(refused.p99),
      refusedWithHint: refused.hinted,
      lost: Object.values(lost).reduce((sum, count) => sum + count, 0),
      lostBy: lost,
    });
  } finally {
    await ours.stop();
  }
}
