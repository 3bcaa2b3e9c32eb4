// node test/abuse/leaks.mjs --requests 100000
import memory from "../../bench/memory.mjs";
import { judge, runProgram } from "./program.mjs";

const ABOUT = `Sends requests of every kind, some of them wrong, and compares the gateway's memory with that after the first
10,000. It must grow by less than 20 MB, and every request must be answered.`;

await runProgram(
  ABOUT,
  { requests: { default: 100_000, meaning: "requests in all" } },
  async ({ requests }) => {
    const result = await memory(requests);
    const { counts, rules } = judge(result);
    return { counts, rules: { ...rules, "every request is answered": result.failed === 0 } };
  },
);
