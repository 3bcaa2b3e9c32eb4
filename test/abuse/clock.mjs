// node test/abuse/clock.mjs --jumps 60
import { readConfig } from "../../dist/config.js";
import { createServer } from "../../dist/server.js";
import { probe, runProgram, sleep } from "./program.mjs";

const ABOUT = `Lets the wall clock jump by an hour, a day or ten years, ahead and back, while requests are under way.
No deadline may expire early, no rate limit may block or free anybody, and every request must be answered.`;
const HOUR = 3_600_000;
const SIZES = [HOUR, 24 * HOUR, 87_600 * HOUR];
const CLIENTS = 8;

const RealDate = Date;
let offset = 0;
globalThis.Date = class extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + offset);
    else super(...values);
  }
  static now() {
    return RealDate.now() + offset;
  }
};

await runProgram(ABOUT, { jumps: { default: 60, meaning: "jumps of the clock" } }, async ({ jumps }) => {
  // Each probe costs one unit and a little; the limit is what the clients ask for, ten times over.
  const server = await createServer(
    readConfig({ GROUNDWIRE_PORT: "0", GROUNDWIRE_LOG_LEVEL: "error", GROUNDWIRE_RATE_LIMIT: "10000" }),
  );
  const url = await server.start();
  let over = false;
  let answered = 0;
  const errors = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over) {
      await probe(url).then(
        () => (answered += 1),
        (error) => errors.push(String(error)),
      );
    }
  });
  for (let i = 0; i < jumps; i++) {
    offset += (i % 2 === 0 ? 1 : -1) * SIZES[i % SIZES.length];
    await sleep(100);
  }
  over = true;
  await Promise.all(clients);
  await server.stop();
  return {
    counts: { jumps, answered, failed: errors.length, errors: errors.slice(0, 3) },
    rules: { "every request is answered": errors.length === 0 && answered > jumps },
  };
});
