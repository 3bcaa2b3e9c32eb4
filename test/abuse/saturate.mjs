// node test/abuse/saturate.mjs --seconds 300
import { checkBars } from "../../bench/bars.mjs";
import { figures } from "../../bench/harness.mjs";
import overload from "../../bench/overload.mjs";
import { runProgram } from "./program.mjs";

const ABOUT = `Measures how many texts a second saturate a gateway, then offers twice as many, whether or not it keeps up.
No accepted request may be lost, their p99 must stay within three times that at saturation, and the rest must be refused
with OVERLOADED within 50 ms.`;

await runProgram(
  ABOUT,
  { seconds: { default: 300, meaning: "length of the overload" } },
  async ({ seconds }) => {
    const result = await overload(seconds);
    const bars = checkBars([result]).map(({ rule, holds }) => [rule, holds]);
    return { counts: figures(result), rules: Object.fromEntries(bars) };
  },
);
