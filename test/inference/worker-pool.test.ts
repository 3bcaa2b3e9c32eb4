import { afterEach, expect, test } from "vitest";
import type { WorkerSettings } from "../../src/inference/protocol.js";
import { createWorkerPool, type WorkerPool } from "../../src/inference/worker-pool.js";
import { createWorkerWatch, type WorkerTrouble } from "../../src/inference/worker-watch.js";

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

/** A pool of one worker, what is told of it, and how many of its workers may start, of which the first is one. */
async function startWatched(mayStart = 100) {
  const starts = new SharedArrayBuffer(4);
  const left = new Int32Array(starts).fill(mayStart);
  const settings = { kind: "search", deaths: new SharedArrayBuffer(4), starts } as unknown as WorkerSettings;
  const { watch, tell } = createWorkerWatch();
  const troubles: WorkerTrouble[] = [];
  watch.onTrouble = (trouble) => troubles.push(trouble);
  pool = await createWorkerPool<TestRequest, number>(settings, 1, { script, onTrouble: tell });
  return { run: pool.run, troubles, watch, left };
}

test("what two workers died of is the cause of the error, and is told once a death", async () => {
  const { run, troubles, watch } = await startWatched();
  const error = await run({ value: 1, dies: 2 }).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    message: "the worker died while it ran this request",
    cause: { message: "the worker dies" },
  });
  expect(await run({ value: 2 })).toBe(2);
  const death = { kind: "search", wasReady: true, restartInMs: 0 };
  expect(troubles).toEqual([1, 2].map(() => ({ ...death, error: expect.any(Error) as Error })));
  expect(troubles.map(({ error }) => error.message)).toEqual(["the worker dies", "the worker dies"]);
  expect(watch.restarts).toEqual({ encode: 0, search: 2, visual: 0, relate: 0 });
});

test("a worker that ends without a word is told by the code that it ended with", async () => {
  const { troubles } = await startWatched();
  await pool?.killOne();
  await expect.poll(() => troubles.length).toBe(1);
  expect(troubles[0]?.error.message).toBe("a worker ended with code 1");
});

test("a worker that cannot start is told of ever more seldom, until it can", async () => {
  const { run, troubles, left } = await startWatched(1);
  const answer = run({ value: 1, dies: 1 });
  await expect.poll(() => troubles.length).toBeGreaterThanOrEqual(4);
  left.fill(100);
  expect(await answer).toBe(1);
  const first = troubles.slice(0, 4);
  expect(first.map(({ restartInMs }) => restartInMs)).toEqual([0, 200, 400, 800]);
  expect(first.map(({ wasReady }) => wasReady)).toEqual([true, false, false, false]);
  expect(troubles[1]?.error.message).toBe("the model cannot be loaded");
});

test("a pool that is closed while it waits for its next start starts no other", async () => {
  const { troubles } = await startWatched(1);
  await pool?.killOne();
  await expect.poll(() => troubles.length).toBeGreaterThanOrEqual(2);
  await pool?.close();
  const told = [...troubles];
  await new Promise((resolve) => setTimeout(resolve, 2 * (told.at(-1)?.restartInMs ?? 0)));
  expect(troubles).toEqual(told);
});
