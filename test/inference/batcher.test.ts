import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { EncodeRequest } from "../../src/inference/protocol.js";
import { createBatcher, formBatch, type BatcherOptions, type Entry } from "../../src/inference/batcher.js";

const DIMENSION = 2;

/** A model that answers with each row's number of tokens; it runs when it is told to. */
function createModel() {
  const waiting: (() => void)[] = [];
  const shapes: [rows: number, length: number][] = [];
  const model = {
    shapes,
    busy: false,
    run: ({ ids, rows, length }: EncodeRequest) => {
      shapes.push([rows, length]);
      model.busy = true;
      return new Promise<{ vectors: Float32Array; inferMs: number }>((resolve) => {
        waiting.push(() => {
          model.busy = false;
          resolve({ vectors: rowLengths(ids, rows, length), inferMs: 1 });
        });
      });
    },
    finish: () => waiting.shift()?.(),
  };
  return model;
}

function rowLengths(ids: Int32Array, rows: number, length: number): Float32Array {
  const vectors = new Float32Array(rows * DIMENSION);
  for (let row = 0; row < rows; row++) {
    const real = ids.subarray(row * length, (row + 1) * length).filter((id) => id >= 0).length;
    vectors.fill(real, row * DIMENSION, (row + 1) * DIMENSION);
  }
  return vectors;
}

function createTestBatcher(model: ReturnType<typeof createModel>, options: Partial<BatcherOptions> = {}) {
  return createBatcher({
    maxBatchTokens: 64,
    maxQueue: 100,
    capacity: () => (model.busy ? 0 : 1),
    run: model.run,
    observe: () => undefined,
    ...options,
  });
}

function entryOf(length: number, parts: Partial<Entry> = {}): Entry {
  const ids = Array.from({ length }, (_, i) => i);
  const noop = (): undefined => undefined;
  return {
    ids,
    output: "embedding",
    wanted: () => true,
    enqueuedAt: 0,
    resolve: noop,
    reject: noop,
    ...parts,
  };
}

function waitFor(add: (entry: Entry) => void, length: number): Promise<Float32Array> {
  return new Promise((resolve, reject) => {
    add(entryOf(length, { resolve: ({ vector }) => resolve(vector), reject }));
  });
}

test("every text gets its own row back, whatever the order in its batch", async () => {
  const model = createModel();
  const batcher = createTestBatcher(model);
  const lengths = [5, 9, 3, 7];
  const answers = Promise.all(lengths.map((length) => waitFor(batcher.add, length)));
  batcher.pump();
  model.finish();
  expect((await answers).map((vector) => vector[0])).toEqual(lengths);
  expect(model.shapes).toEqual([[4, 9]]);
});

test("no batch has more padded tokens than the budget", () => {
  const window = Array.from({ length: 500 }, (_, i) => entryOf(1 + ((i * 37) % 60)));
  let rest = window;
  while (rest.length > 0) {
    const batch = formBatch(rest, 64);
    expect(batch).toContain(rest[0]);
    const longest = Math.max(...batch.map(({ ids }) => ids.length));
    expect(longest * batch.length).toBeLessThanOrEqual(64);
    rest = rest.filter((entry) => !batch.includes(entry));
  }
});

test("what waits is cut where a batch more costs less than the padding in attention", () => {
  const lengths = [3, 5, 5, 8, 20, 21, 22, 60, 61];
  const window = lengths.map((length) => entryOf(length));
  const lengthsWith = (place: number) =>
    formBatch([window[place] as Entry, ...window], 4096).map(({ ids }) => ids.length);
  expect(new Set(lengthsWith(0))).toEqual(new Set([3, 5, 8, 20, 21, 22]));
  expect(new Set(lengthsWith(8))).toEqual(new Set([60, 61]));
});

test("a hundred words and short phrases are one batch", () => {
  const window = Array.from({ length: 100 }, (_, i) => entryOf(3 + (i % 6)));
  expect(formBatch(window, 4096)).toHaveLength(100);
});

test("the cut is the cheapest of all", () => {
  const cost = (groups: number[][]) =>
    groups.reduce((sum, group) => {
      const longest = Math.max(8, ...group);
      return sum + group.length * (0.04 * longest + 0.0009 * longest ** 2) + 17;
    }, 0);
  const cuts = (lengths: number[]): number[][][] =>
    lengths.length === 0
      ? [[]]
      : lengths.flatMap((_, i) =>
          cuts(lengths.slice(i + 1)).map((rest) => [lengths.slice(0, i + 1), ...rest]),
        );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 3, max: 128 }), { minLength: 1, maxLength: 9 }), (lengths) => {
      const sorted = [...lengths].sort((a, b) => a - b);
      const cheapest = Math.min(...cuts(sorted).map(cost));
      let rest = lengths.map((length) => entryOf(length));
      const groups: number[][] = [];
      while (rest.length > 0) {
        // From the longest, whose batch the rest does not change.
        const [longest] = [...rest].sort((a, b) => b.ids.length - a.ids.length) as [Entry];
        const batch = formBatch([longest, ...rest.filter((entry) => entry !== longest)], 4096);
        groups.push(batch.map(({ ids }) => ids.length));
        rest = rest.filter((entry) => !batch.includes(entry));
      }
      expect(cost(groups)).toBeCloseTo(cheapest, 9);
    }),
  );
});

test("a text longer than the budget still goes, alone", () => {
  const long = entryOf(1000);
  expect(formBatch([long, entryOf(900)], 64)).toEqual([long]);
});

test("short texts are not padded to the length of a long one", () => {
  const [long, short] = [entryOf(120), entryOf(20)];
  expect(formBatch([long, short, entryOf(20), entryOf(100)], 4096)).not.toContain(short);
});

test("while another batch runs batches are small, so that texts do not wait for each other", () => {
  const rows: number[] = [];
  const batcher = createBatcher({
    maxBatchTokens: 4096,
    maxQueue: 1000,
    capacity: () => 2 - rows.length,
    run: (batch) => {
      rows.push(batch.rows);
      return new Promise(() => undefined);
    },
    observe: () => undefined,
  });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 100; i++) batcher.add(entryOf(12));
    batcher.pump();
  }
  expect(rows).toEqual([100, 32]);
});

test("while the model is busy texts wait, and then travel together", async () => {
  const model = createModel();
  const batcher = createTestBatcher(model);
  const first = waitFor(batcher.add, 3);
  batcher.pump();
  const others = [4, 4, 4].map((length) => waitFor(batcher.add, length));
  batcher.pump();
  expect(batcher.queued).toBe(3);
  model.finish();
  await first;
  batcher.pump();
  model.finish();
  await Promise.all(others);
  expect(model.shapes).toEqual([
    [1, 3],
    [3, 4],
  ]);
});

test("between the answers of a large batch the event loop has its turns", async () => {
  const model = createModel();
  const batcher = createTestBatcher(model, { maxBatchTokens: 4096 });
  let answered = 0;
  const answers = Array.from({ length: 20 }, () => waitFor(batcher.add, 4).then(() => (answered += 1)));
  batcher.pump();
  model.finish();
  await new Promise(setImmediate);
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBeLessThan(20);
  await Promise.all(answers);
});

test("a text that nobody waits for any more never reaches the model", () => {
  const model = createModel();
  const batcher = createTestBatcher(model);
  batcher.add(entryOf(5, { wanted: () => false }));
  batcher.add(entryOf(6));
  batcher.pump();
  expect(model.shapes).toEqual([[1, 6]]);
});

test("a full queue refuses with OVERLOADED and a hint when to come again", () => {
  const batcher = createTestBatcher(createModel(), { maxQueue: 2, capacity: () => 0 });
  batcher.add(entryOf(3));
  batcher.add(entryOf(3));
  expect(() => batcher.add(entryOf(3))).toThrow(
    expect.objectContaining({ code: "OVERLOADED", retryAfterMs: expect.any(Number) as number }) as Error,
  );
});

test("abandoned texts do not hold the places of others in a full queue", () => {
  const batcher = createTestBatcher(createModel(), { maxQueue: 2, capacity: () => 0 });
  batcher.add(entryOf(3, { wanted: () => false }));
  batcher.add(entryOf(3));
  batcher.add(entryOf(3));
  expect(batcher.queued).toBe(2);
});

test("a batch that fails fails each of its texts, and the next one runs", async () => {
  const model = createModel();
  const run = vi.fn(model.run).mockRejectedValueOnce(new Error("the model broke"));
  const batcher = createTestBatcher(model, { run });
  const failed = [waitFor(batcher.add, 3), waitFor(batcher.add, 4)];
  batcher.pump();
  for (const answer of failed) await expect(answer).rejects.toThrow("the model broke");
  const next = waitFor(batcher.add, 5);
  batcher.pump();
  model.finish();
  expect((await next)[0]).toBe(5);
});
