import { join } from "node:path";
import { interleave, load, report, root, startGateway, startServer } from "./harness.mjs";

const CONNECTIONS = 64;
/** The load's process is new each time and compiles for its first second. */
const SECONDS = 10;

/** Requests a second for words that have been asked before, against the same stack returning a constant. */
export default async function cachedThroughput() {
  const ours = await startGateway();
  const constant = await startServer(process.execPath, [join(root, "bench", "peers", "constant.mjs")]);
  try {
    const drive = ({ url }) => load({ url, kind: "words", connections: CONNECTIONS, seconds: SECONDS });
    await drive(ours);
    await drive(constant);
    const results = await interleave({ ours: () => drive(ours), constant: () => drive(constant) });
    return report({
      name: "cached-throughput",
      unit: "requests/s",
      ours: results.ours.rate,
      limit: results.constant.rate,
      p99Ms: results.ours.p99,
      failed: results.ours.failed,
    });
  } finally {
    await Promise.all([ours.stop(), constant.stop()]);
  }
}
