import { interleave, load, report, startGateway } from "./harness.mjs";

/** 99th percentile of the event loop's delay in ms while 64 clients keep the model busy. */
export default async function eventLoop() {
  const ours = await startGateway();
  try {
    const drive = (seconds) => load({ url: ours.url, kind: "embed", connections: 64, seconds });
    await drive(3);
    const results = await interleave({
      ours: async () => {
        // Each reading starts the next interval.
        await readDelay(ours.url);
        const { rate } = await drive(4);
        return { ...(await readDelay(ours.url)), rate };
      },
    });
    return report({
      name: "event-loop",
      unit: "ms (p99)",
      better: "lower",
      ours: results.ours.p99Ms,
      limit: 20,
      meanMs: results.ours.meanMs,
      textsPerSecond: Math.round(results.ours.rate),
    });
  } finally {
    await ours.stop();
  }
}

async function readDelay(url) {
  const text = await (await fetch(url.replace("/graphql", "/metrics"))).text();
  const read = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]) * 1000;
  return {
    p99Ms: read("nodejs_eventloop_lag_p99_seconds"),
    meanMs: read("nodejs_eventloop_lag_mean_seconds"),
  };
}
