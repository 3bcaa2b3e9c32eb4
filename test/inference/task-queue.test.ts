import { describe, expect, test } from "vitest";
import { GroundwireError } from "../../src/errors.js";
import { createRelationLoaders } from "../../src/graphql/relations/relations.loader.js";
import { groundText } from "../../src/grounding/ground-text.js";
import type { RelateReply, RelateRequest } from "../../src/inference/protocol.js";
import { createTaskQueue, type TaskQueueOptions } from "../../src/inference/task-queue.js";
import { scoreInPhoto } from "../../src/relations/photo-pair.js";
import type { Relations } from "../../src/relations/relations.js";

/** A worker that answers each request with its own subjects, one at a time and when it is told to. */
function createWorker() {
  const finishes: (() => void)[] = [];
  const worker = {
    seen: [] as number[],
    run: (request: RelateRequest) => {
      const { subjects } = request as Extract<RelateRequest, { task: "score" }>;
      worker.seen.push(subjects[0] as number);
      return new Promise<RelateReply>((resolve) => finishes.push(() => resolve({ scores: subjects })));
    },
    capacity: () => (finishes.length > 0 ? 0 : 1),
  };
  const finish = async (): Promise<void> => {
    finishes.shift()?.();
    await new Promise(setImmediate);
  };
  return { worker, finish };
}

function createTestQueue(changes: Partial<TaskQueueOptions<RelateRequest, RelateReply>> = {}) {
  const { worker, finish } = createWorker();
  const queue = createTaskQueue<RelateRequest, RelateReply>({
    name: "relations",
    capacity: worker.capacity,
    run: worker.run,
    timeoutMs: 60_000,
    ...changes,
  });
  const ask = (value: number, signal?: AbortSignal) => {
    const row = Float32Array.of(value);
    const request = { task: "score", space: "words", subjects: row, objects: row, count: 1 } as const;
    return queue.ask(request, { signal });
  };
  const next = async (): Promise<void> => {
    await finish();
    queue.pump();
  };
  return { queue, ask, next, worker };
}

const late = new GroundwireError("TIMEOUT", "the client has gone");

describe("the queue of relations", () => {
  test("answers in the order of arrival, each with its own", async () => {
    const { ask, next, worker } = createTestQueue();
    const answers = [1, 2, 3].map((value) => ask(value));
    expect(worker.seen).toEqual([1]);
    for (let i = 0; i < 3; i++) await next();
    expect(worker.seen).toEqual([1, 2, 3]);
    const rows = [1, 2, 3].map((value) => Float32Array.of(value));
    expect(await Promise.all(answers)).toEqual(rows.map((scores) => ({ scores })));
  });

  test("what its caller has left never reaches the worker, and makes room at once", async () => {
    const { queue, ask, next, worker } = createTestQueue({ maxWaiting: 1 });
    const controller = new AbortController();
    const first = ask(1);
    const gone = ask(2, controller.signal);
    controller.abort(late);
    await expect(gone).rejects.toBe(late);
    const last = ask(3);
    expect(queue.queued).toBe(1);
    await next();
    await next();
    await Promise.all([first, last]);
    expect(worker.seen).toEqual([1, 3]);
  });

  test("a caller that has gone before it asks is not served", async () => {
    const { ask, worker } = createTestQueue();
    await expect(ask(1, AbortSignal.abort(late))).rejects.toBe(late);
    expect(worker.seen).toEqual([]);
  });

  test("a caller is answered at its deadline, though the worker is still at its request", async () => {
    const { ask, next, worker } = createTestQueue({ timeoutMs: 20 });
    const message = "the request took longer than its limit of 20 ms";
    for (const answer of [ask(1), ask(2)])
      await expect(answer).rejects.toMatchObject({ code: "TIMEOUT", message });
    await next();
    expect(worker.seen).toEqual([1]);
  });

  test("more than may wait are refused with a time to come back", async () => {
    const { ask, next } = createTestQueue({ maxWaiting: 2 });
    const accepted = [1, 2, 3].map((value) => ask(value));
    const refused = await ask(4).catch((error: GroundwireError) => error);
    expect(refused).toMatchObject({
      code: "OVERLOADED",
      message: "the queue of relations holds its limit of 2 requests; try again later",
    });
    expect((refused as GroundwireError).retryAfterMs).toBeGreaterThanOrEqual(10);
    for (let i = 0; i < 3; i++) await next();
    expect(await Promise.all(accepted)).toHaveLength(3);
  });

  test("a request that fails is its own error, and the next is served", async () => {
    const fault = new Error("the worker died while it ran this request");
    const replies = [Promise.reject(fault), Promise.resolve({ scores: Float32Array.of(2) })];
    const { ask } = createTestQueue({
      capacity: () => 1,
      run: () => replies.shift() as Promise<RelateReply>,
    });
    await expect(ask(1)).rejects.toBe(fault);
    expect(await ask(2)).toEqual({ scores: Float32Array.of(2) });
  });

  test("once closed, it refuses what waits and what comes", async () => {
    const { queue, ask } = createTestQueue();
    const closed = new GroundwireError("OVERLOADED", "the relations are closed");
    void ask(1);
    const waiting = ask(2);
    queue.close(closed);
    await expect(waiting).rejects.toBe(closed);
    await expect(ask(3)).rejects.toBe(closed);
  });
});

describe("the signal of a request reaches the queue", () => {
  const { signal } = new AbortController();
  const vector = Float32Array.of(1, 2);

  /** Remembers the signal of every call. */
  function createSpy() {
    const signals: (AbortSignal | undefined)[] = [];
    const relations: Pick<Relations, "score" | "complete" | "ground"> = {
      score: (pairs, _space, call) => {
        signals.push(call?.signal);
        return Promise.resolve(pairs.map(() => vector));
      },
      complete: (queries, call) => {
        signals.push(call?.signal);
        return Promise.resolve(queries.map(() => []));
      },
      ground: (_grid, _tokens, words, call) => {
        signals.push(call?.signal);
        return Promise.resolve({ similarity: vector, grounded: words.map(() => vector) });
      },
    };
    return { signals, relations };
  }

  test("from the loaders of pairs and completions", async () => {
    const { signals, relations } = createSpy();
    const loaders = createRelationLoaders(relations, signal);
    await loaders.pairs.load({ subject: vector, object: vector });
    await loaders.completions.load({ known: vector, k: 1, missing: "object", predicate: 0, name: "man" });
    expect(signals).toEqual([signal, signal]);
  });

  test("from a pair in a photo, for both of its steps", async () => {
    const { signals, relations } = createSpy();
    await scoreInPhoto({ subject: vector, object: vector }, vector, relations, { signal });
    expect(signals).toEqual([signal, signal]);
  });

  test("from a text in a photo", async () => {
    const { signals, relations } = createSpy();
    const tokenize = () => ({ ids: [1, 2], tokenCount: 2, truncated: false });
    const tokens = { vector, norm: 1, tokenCount: 1, truncated: false };
    await groundText("", vector, tokens, { encoder: { tokenize, dimension: 2 }, relations }, { signal });
    expect(signals).toEqual([signal]);
  });
});
