import { afterEach, expect, test } from "vitest";
import type { WorkerSettings } from "../../src/inference/protocol.js";
import { createWorkerPool, type WorkerPool } from "../../src/inference/worker-pool.js";

interface TestRequest {
  value: number;
  fail?: boolean;
  /** How many workers die over it. */
  dies?: number;
}

const script = new URL("../helpers/faulty-worker.mjs", import.meta.url);
let pool: WorkerPool<TestRequest, number> | undefined;
afterEach(() => pool?.close());

async function startPool(size: number, ahead = 0): Promise<WorkerPool<TestRequest, number>> {
  const settings = { deaths: new SharedArrayBuffer(4) } as unknown as WorkerSettings;
  pool = await createWorkerPool<TestRequest, number>(settings, size, { script, ahead });
  pool.grow();
  return pool;
}

test("each request gets its own answer, over several workers", async () => {
  const { run } = await startPool(3);
  const values = Array.from({ length: 50 }, (_, value) => value);
  expect(await Promise.all(values.map((value) => run({ value })))).toEqual(values);
});

test("a request that fails is an error, and its worker goes on", async () => {
  const own = await startPool(1);
  await expect(own.run({ value: 1, fail: true })).rejects.toThrow("this request fails");
  expect(await own.run({ value: 2 })).toBe(2);
  expect(own.restarts).toBe(0);
});

test("a request whose worker dies is tried once more", async () => {
  const own = await startPool(1);
  expect(await own.run({ value: 1, dies: 1 })).toBe(1);
  expect(own.restarts).toBe(1);
});

test("a request that kills two workers is given up, and the rest is served", async () => {
  const own = await startPool(2);
  const fatal = own.run({ value: 1, dies: 2 });
  const others = [2, 3, 4].map((value) => own.run({ value }));
  await expect(fatal).rejects.toThrow("the worker died while it ran this request");
  expect(await Promise.all(others)).toEqual([2, 3, 4]);
  expect(await own.run({ value: 5 })).toBe(5);
});

test("a worker is given as many requests ahead as it may have, the freest first", async () => {
  const own = await startPool(1, 1);
  expect(own.idle).toBe(2);
  const answers = [1, 2, 3].map((value) => own.run({ value }));
  expect(own.idle).toBe(0);
  expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  expect(own.idle).toBe(2);
});

test("a request that waited behind the one that its worker died over is not given up with it", async () => {
  const own = await startPool(1, 1);
  const fatal = own.run({ value: 1, dies: 2 });
  const behind = own.run({ value: 2 });
  await expect(fatal).rejects.toThrow("the worker died while it ran this request");
  expect(await behind).toBe(2);
});

test("a worker that is killed is replaced", async () => {
  const own = await startPool(1);
  await own.killOne();
  expect(await own.run({ value: 7 })).toBe(7);
  expect(own.restarts).toBe(1);
});

test("a closed pool refuses", async () => {
  const own = await startPool(1);
  await own.close();
  await expect(own.run({ value: 1 })).rejects.toThrow("the workers are closed");
});

test("a pool serves with its first worker until it is told to grow", async () => {
  const settings = { deaths: new SharedArrayBuffer(4) } as unknown as WorkerSettings;
  pool = await createWorkerPool<TestRequest, number>(settings, 3, { script });
  expect(pool.idle).toBe(1);
  expect(await pool.run({ value: 1 })).toBe(1);
  pool.grow();
  await expect.poll(() => pool?.idle).toBe(3);
  expect(pool.restarts).toBe(0);
});

test("a pool whose worker cannot start fails as a whole", async () => {
  const settings = { deaths: new SharedArrayBuffer(4), broken: true } as unknown as WorkerSettings;
  await expect(createWorkerPool(settings, 2, { script })).rejects.toThrow("the model cannot be loaded");
});
