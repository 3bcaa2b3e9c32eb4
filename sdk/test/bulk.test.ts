import { expect, test } from "vitest";
import { isAbortedError, isForbiddenError, isOverloadedError, isTimeoutError } from "../src/index.js";
import { connect } from "./helpers/clients.js";
import { json, LIMITS, silence, startRawServer, type Answer } from "./helpers/raw-server.js";

const items = Array.from({ length: 1000 }, (_, i) => ({ id: `${i}`, text: "dog" }));
const model = { limits: LIMITS };

/** Stores everything but what `refuse` says. */
function store(refuse: (first: string) => Answer | undefined): Answer {
  return (response, request) => {
    if (!request.query.startsWith("mutation"))
      return json(200, { data: { c0: model, model } })(response, request);
    const sent = request.variables.items as { id: string }[];
    const refusal = refuse(sent[0]?.id ?? "");
    const upsertTexts = sent.map(({ id }) => ({ id }));
    return (refusal ?? json(200, { data: { upsertTexts } }))(response, request);
  };
}

function failing(status: number, code: string): Answer {
  return json(status, { errors: [{ message: "no", extensions: { code, retryAfterMs: 1 } }] });
}

test("a chunk that stays refused is reported item by item, and the rest is stored", async () => {
  const { url } = await startRawServer(
    store((first) => (first === "256" ? failing(503, "OVERLOADED") : undefined)),
  );
  const report = await connect({ url, retries: 1 }).upsertTexts("phrases", items);
  expect(report.upserted).toBe(744);
  expect(report.failed.map(({ index }) => index)).toEqual(Array.from({ length: 256 }, (_, i) => 256 + i));
  expect(report.failed.every(({ error }) => isOverloadedError(error))).toBe(true);
});

test("a refusal that would meet every chunk ends the upsert", async () => {
  const { url, received } = await startRawServer(store(() => failing(403, "FORBIDDEN")));
  const call = connect({ url }).upsertTexts("phrases", items, { concurrency: 1 });
  await expect(call).rejects.toSatisfy(isForbiddenError);
  expect(received).toHaveLength(2);
});

test("no more chunks are in flight than concurrency allows", async () => {
  let [running, most] = [0, 0];
  const { url } = await startRawServer((response, request) => {
    if (!request.query.startsWith("mutation")) return store(() => undefined)(response, request);
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      store(() => undefined)(response, request);
    }, 300);
  });
  const report = await connect({ url }).upsertTexts("phrases", items, { concurrency: 2 });
  expect(report.upserted).toBe(1000);
  expect(most).toBe(2);
});

test("a mutation that may have been carried out is not sent again unless it does no harm", async () => {
  const { url, received } = await startRawServer((response) => void response.socket?.destroy());
  await expect(connect({ url }).createCollection("birds", "IMAGES")).rejects.toThrow(/cannot be reached/);
  expect(received).toHaveLength(1);
});

test("a concurrency of nothing is refused with its rule", async () => {
  const { url } = await startRawServer(store(() => undefined));
  const call = connect({ url }).upsertTexts("phrases", items, { concurrency: 0 });
  await expect(call).rejects.toThrow(/concurrency must be an integer of 1 or more, is 0/);
});

/** Items of an iterator that then waits for ever, and a promise of its being asked for more. */
function idleAfter(count: number) {
  let idle = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (idle = resolve));
  async function* generate() {
    yield* items.slice(0, count);
    idle();
    await new Promise(() => undefined);
  }
  return { source: generate(), waiting };
}

test("an upsert from a source that is idle ends at its signal", async () => {
  const { url } = await startRawServer(store(() => undefined));
  const controller = new AbortController();
  const { source, waiting } = idleAfter(10);
  const call = connect({ url }).upsertTexts("phrases", source, { signal: controller.signal });
  const outcome = expect(call).rejects.toSatisfy(isAbortedError);
  await waiting;
  controller.abort();
  await outcome;
});

test("a refusal ends the upsert while its other chunks wait for an idle source", async () => {
  const { url } = await startRawServer(store(() => failing(403, "FORBIDDEN")));
  const call = connect({ url }).upsertTexts("phrases", idleAfter(256).source);
  await expect(call).rejects.toSatisfy(isForbiddenError);
});

test("a source is told that no more is taken, and asked for nothing after its end", async () => {
  const { url } = await startRawServer(store(() => failing(403, "FORBIDDEN")));
  const calls: string[] = [];
  const ended = {
    [Symbol.iterator]: () => ({
      next: () => (calls.push("next"), { done: calls.length > 300, value: items[0] as (typeof items)[0] }),
      return: () => (calls.push("return"), { done: true as const, value: undefined }),
    }),
  };
  const stopped = connect({ url }).upsertTexts("phrases", ended, { concurrency: 1 });
  await expect(stopped).rejects.toSatisfy(isForbiddenError);
  expect(calls.slice(255)).toEqual(["next", "return"]);
  const open = await startRawServer(store(() => undefined));
  calls.length = 0;
  await connect({ url: open.url }).upsertTexts("phrases", ended);
  expect(calls).toHaveLength(301);
  expect(calls).not.toContain("return");
});

test("a signal's own timeout ends the upsert, whatever chunks it meets", async () => {
  const { url } = await startRawServer(store(() => silence));
  const call = connect({ url }).upsertTexts("phrases", items, { signal: AbortSignal.timeout(200) });
  await expect(call).rejects.toSatisfy(isTimeoutError);
});

test("a signal's own timeout ends the upsert also while its last picture is fetched", async () => {
  const { url } = await startRawServer(store(() => undefined));
  const photo = await startRawServer(silence);
  const pictures = [{ id: "late", image: new URL(photo.url) }];
  const call = connect({ url }).upsertImages("photos", pictures, { signal: AbortSignal.timeout(200) });
  await expect(call).rejects.toSatisfy(isTimeoutError);
});
