// node test/abuse/leaks.mjs --requests 100000
import { checkBars } from "../../bench/bars.mjs";
import { figures } from "../../bench/harness.mjs";
import memory from "../../bench/memory.mjs";
import { runProgram } from "./program.mjs";

const ABOUT = `Sends requests of every kind, some of them wrong, and compares the gateway's memory with that after the first
10,000. It must grow by less than 20 MB, and every request must be answered.`;

await runProgram(
  ABOUT,
  { requests: { default: 100_000, meaning: "requests in all" } },
  async ({ requests }) => {
    const result = await memory(requests);
    const bars = checkBars([result]).map(({ rule, holds }) => [rule, holds]);
    return {
      counts: { growthMb: result.ours, ...figures(result) },
      rules: { ...Object.fromEntries(bars), "every request is answered": result.failed === 0 },
    };
  },
);
