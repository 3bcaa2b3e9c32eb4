import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GroundwireError } from "../../src/errors.js";
import { registerDeadlines, type Deadlines } from "../../src/http/deadlines.js";

const TIMEOUT_MS = 60;

let app: FastifyInstance;
let deadlines: Deadlines;

/** A route that answers the code of what ended its wait. */
beforeEach(() => {
  app = Fastify();
  deadlines = registerDeadlines(app, TIMEOUT_MS);
  app.get("/wait", ({ deadline }) => new Promise((resolve) => listen(deadline.signal, resolve)));
  app.get("/quick", () => "done");
});
afterEach(() => app.close());

function listen(signal: AbortSignal, resolve: (code: string) => void): void {
  signal.addEventListener("abort", () => resolve((signal.reason as GroundwireError).code));
}

async function wait(): Promise<{ code: string; ms: number }> {
  const started = performance.now();
  const { payload } = await app.inject("/wait");
  return { code: payload, ms: performance.now() - started };
}

test("each request ends at its own deadline, however they overlap", async () => {
  const first = wait();
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 2));
  const results = await Promise.all([first, wait(), app.inject("/quick").then(wait)]);
  for (const { code, ms } of results) {
    expect(code).toBe("TIMEOUT");
    // A timer may end a moment before performance.now() says so.
    expect(ms).toBeGreaterThan(TIMEOUT_MS - 2);
  }
});

test("a request that comes after a pause has a deadline too", async () => {
  await wait();
  await new Promise((resolve) => setTimeout(resolve, 2 * TIMEOUT_MS));
  expect((await wait()).code).toBe("TIMEOUT");
});

test("abortAll ends every request under way with its error", async () => {
  const results = Promise.all([wait(), wait()]);
  await app.inject("/quick");
  deadlines.abortAll(new GroundwireError("OVERLOADED", "the server is stopping"));
  expect((await results).map(({ code }) => code)).toEqual(["OVERLOADED", "OVERLOADED"]);
});
