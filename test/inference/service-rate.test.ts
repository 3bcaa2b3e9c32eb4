import { expect, test } from "vitest";
import { createServiceRate } from "../../src/inference/service-rate.js";

function createClocked() {
  const clock = { ms: 0 };
  return { clock, rate: createServiceRate(() => clock.ms) };
}

test("the wait is what is waiting times the time that an item takes", () => {
  const { clock, rate } = createClocked();
  for (let batch = 0; batch < 5; batch++) {
    const startedAt = clock.ms;
    clock.ms += 80;
    rate.served(16, startedAt);
  }
  expect(rate.waitMs(100)).toBe(500);
});

test("two workers side by side halve it, and a pause without work does not lengthen it", () => {
  const { clock, rate } = createClocked();
  for (let batch = 0; batch < 20; batch++) {
    clock.ms += 40;
    // Each started when the one before the last was done.
    rate.served(16, clock.ms - 80);
  }
  clock.ms += 60_000;
  rate.served(16, clock.ms - 40);
  // The first batch stood alone, and is not quite forgotten.
  expect(rate.waitMs(100)).toBeGreaterThanOrEqual(250);
  expect(rate.waitMs(100)).toBeLessThan(260);
});

test("a slower model is believed within some ten batches", () => {
  const { clock, rate } = createClocked();
  const serve = (ms: number) => {
    const startedAt = clock.ms;
    clock.ms += ms;
    rate.served(1, startedAt);
  };
  for (let batch = 0; batch < 30; batch++) serve(1);
  for (let batch = 0; batch < 12; batch++) serve(10);
  expect(rate.waitMs(1000)).toBeGreaterThan(9000);
  expect(rate.waitMs(1000)).toBeLessThanOrEqual(10_000);
});

test("the wait stays between 10 ms and 30 s, also before anything was served", () => {
  const { rate } = createClocked();
  expect(rate.waitMs(0)).toBe(10);
  expect(rate.waitMs(1_000_000)).toBe(30_000);
});
