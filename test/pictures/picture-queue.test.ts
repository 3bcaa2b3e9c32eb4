import { expect, test } from "vitest";
import type { VisualReply, VisualRequest } from "../../src/inference/protocol.js";
import { createPictureQueue, type PictureEntry, type SeenPicture } from "../../src/pictures/picture-queue.js";

const BYTES = 3;

/** A model that answers each picture with its own first byte; it runs when it is told to. */
function createModel() {
  const waiting: (() => void)[] = [];
  const model = {
    rows: [] as number[],
    run: ({ pixels, rows }: VisualRequest) => {
      model.rows.push(rows);
      const firsts = Float32Array.from({ length: rows }, (_, row) => pixels[row * BYTES] as number);
      return new Promise<VisualReply>((resolve) =>
        waiting.push(() => resolve({ embeddings: firsts, grids: new Float32Array(0), inferMs: 1 })),
      );
    },
    get busy() {
      return waiting.length > 0;
    },
    async finish() {
      waiting.shift()?.();
      await new Promise(setImmediate);
    },
  };
  return model;
}

function createTestQueue(model: ReturnType<typeof createModel>) {
  const capacity = (): number => (model.busy ? 0 : 1);
  const queue = createPictureQueue({ maxBatch: 4, capacity, run: model.run, observe: () => undefined });
  const see = (value: number, wanted = (): boolean => true): Promise<SeenPicture> =>
    new Promise((resolve, reject) => {
      const pixels = new Uint8Array(BYTES).fill(value);
      const entry: PictureEntry = { pixels, withGrid: false, wanted, enqueuedAt: 0, resolve, reject };
      queue.add(entry);
      queue.pump();
    });
  return { queue, see };
}

test("a picture does not wait while the model is idle; those that come meanwhile go together", async () => {
  const model = createModel();
  const { queue, see } = createTestQueue(model);
  const seen = Promise.all([1, 2, 3, 4, 5, 6].map((value) => see(value)));
  expect(model.rows).toEqual([1]);
  for (let batch = 0; batch < 3; batch++) await model.finish();
  expect(model.rows).toEqual([1, 4, 1]);
  expect((await seen).map(({ embedding }) => embedding[0])).toEqual([1, 2, 3, 4, 5, 6]);
  expect(queue.queued).toBe(0);
});

test("a picture whose caller has gone takes no place in a batch", async () => {
  const model = createModel();
  const { see } = createTestQueue(model);
  const first = see(1);
  const gone = see(2, () => false);
  const last = see(3);
  await Promise.all([model.finish(), expect(gone).rejects.toMatchObject({ code: "TIMEOUT" })]);
  await model.finish();
  expect(model.rows).toEqual([1, 1]);
  expect([(await first).embedding[0], (await last).embedding[0]]).toEqual([1, 3]);
});
