// node test/abuse/saturate.mjs --seconds 300
import overload from "../../bench/overload.mjs";
import { judge, runProgram } from "./program.mjs";

const ABOUT = `Measures how many texts a second saturate a gateway, then offers twice as many, whether or not it keeps up.
No accepted request may be lost, their p99 must stay within three times that at saturation, and the rest must be refused
with OVERLOADED within 50 ms.`;

await runProgram(
  ABOUT,
  { seconds: { default: 300, meaning: "length of the overload" } },
  async ({ seconds }) => judge(await overload(seconds)),
);
