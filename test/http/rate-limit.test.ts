import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isGroundwireError } from "../../src/errors.js";
import { createRateLimiter } from "../../src/http/rate-limit.js";
import type { GroundwireServer } from "../../src/server.js";
import { graphql, startGateway } from "../helpers/gateway.js";

function attempt(spend: () => void): { retryAfterMs: number | undefined } | undefined {
  try {
    spend();
    return undefined;
  } catch (error) {
    if (isGroundwireError(error) && error.code === "RATE_LIMITED") return error;
    throw error;
  }
}

test("over any run of requests nobody gets more than the burst and the rate, and retryAfterMs is exact", () => {
  const requests = fc.array(fc.record({ waitMs: fc.nat(4000), cost: fc.integer({ min: 1, max: 60 }) }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(requests, (run) => {
      let clock = 0;
      let granted = 0;
      const limiter = createRateLimiter({ unitsPerSecond: 10, now: () => clock });
      for (const { waitMs, cost } of run) {
        clock += waitMs;
        const refusal = attempt(() => limiter.spend("a", cost));
        if (!refusal) granted += cost;
        else {
          const { retryAfterMs = 0 } = refusal;
          clock += Math.max(0, retryAfterMs - 2);
          if (retryAfterMs > 2) expect(attempt(() => limiter.spend("a", cost))).toBeDefined();
          clock += Math.min(2, retryAfterMs);
          expect(attempt(() => limiter.spend("a", cost))).toBeUndefined();
          granted += cost;
        }
        expect(granted).toBeLessThanOrEqual(100 + (clock / 1000) * 10 + 60);
      }
    }),
    { numRuns: 200 },
  );
});

test("callers do not share an allowance", () => {
  const limiter = createRateLimiter({ unitsPerSecond: 1, now: () => 0 });
  limiter.spend("a", 10);
  expect(attempt(() => limiter.spend("a", 1))).toMatchObject({ retryAfterMs: 1000 });
  expect(attempt(() => limiter.spend("b", 1))).toBeUndefined();
});

let server: GroundwireServer;
beforeAll(async () => {
  server = await startGateway({ RATE_LIMIT: "1" });
});
afterAll(() => server.stop());

test("beyond the limit a request is refused with 429, RATE_LIMITED and the time to wait", async () => {
  const query = `{ embed(texts: ["a", "b", "c"]) { norm } }`;
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await graphql(server, query));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  const { retryAfterMs, code } = refused[0]?.errors[0]?.extensions ?? {};
  expect(code).toBe("RATE_LIMITED");
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(Number(refused[0]?.headers["retry-after-ms"])).toBe(retryAfterMs);
});

test("behind a proxy that is trusted, and behind no other, its clients have allowances of their own", async () => {
  const texts = JSON.stringify(Array.from({ length: 9 }, (_, i) => `text ${i}`));
  const payload = { query: `{ embed(texts: ${texts}) { norm } }` };
  const statuses = async ({ app }: GroundwireServer, remoteAddress: string) => {
    const ask = (client: string) =>
      app.inject({
        method: "POST",
        url: "/graphql",
        headers: { "x-forwarded-for": client },
        payload,
        remoteAddress,
      });
    const answers = [await ask("203.0.113.1"), await ask("203.0.113.1"), await ask("203.0.113.2")];
    return answers.map(({ statusCode }) => statusCode);
  };
  expect(await statuses(server, "10.1.2.3")).toEqual([200, 429, 429]);
  const behind = await startGateway({ RATE_LIMIT: "1", TRUST_PROXY: "10.0.0.0/8" });
  expect(await statuses(behind, "10.1.2.3")).toEqual([200, 429, 200]);
  expect(await statuses(behind, "192.0.2.1")).toEqual([200, 429, 429]);
  await behind.stop();
});
