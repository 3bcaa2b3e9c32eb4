import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { isAbortedError, isTimeoutError } from "../src/index.js";
import { connect, observe } from "./helpers/clients.js";
import { json, LIMITS, silence, similarities, startRawServer } from "./helpers/raw-server.js";

test("an aborted call rejects at once and ends its request", async () => {
  let closed = false;
  const { url, received } = await startRawServer((response) => response.on("close", () => (closed = true)));
  const controller = new AbortController();
  const call = connect({ url }).similarities([{ a: "a", b: "b" }], { signal: controller.signal });
  const outcome = expect(call).rejects.toSatisfy(isAbortedError);
  while (received.length === 0) await sleep(5);
  controller.abort();
  await outcome;
  while (!closed) await sleep(5);
  expect(received).toHaveLength(1);
});

test("a call aborted before its tick ends is never sent, and those beside it are", async () => {
  const { client, requests } = observe();
  const controller = new AbortController();
  const dropped = client.embed("dropped", { signal: controller.signal });
  const kept = client.embed("kept");
  controller.abort();
  await expect(dropped).rejects.toSatisfy(isAbortedError);
  expect((await kept).text).toBe("kept");
  expect(JSON.stringify(requests)).not.toContain("dropped");
});

test("a call with a signal that is aborted already is never sent", async () => {
  const { client, requests } = observe();
  await expect(client.embed("dog", { signal: AbortSignal.abort() })).rejects.toSatisfy(isAbortedError);
  expect(requests).toHaveLength(0);
});

test("aborting one call leaves those that share its request", async () => {
  const { url, received } = await startRawServer((response, request) => {
    setTimeout(() => similarities(response, request), 100);
  });
  const client = connect({ url });
  const controller = new AbortController();
  const aborted = client.similarities([{ a: "a", b: "a" }], { signal: controller.signal });
  const outcome = expect(aborted).rejects.toSatisfy(isAbortedError);
  const kept = client.similarities([{ a: "a", b: "b" }]);
  while (received.length === 0) await sleep(5);
  controller.abort();
  await outcome;
  expect(await kept).toEqual([0.5]);
});

test("a signal's own timeout is a timeout, also between retries", async () => {
  const { url } = await startRawServer(json(503, {}, { "retry-after": "30" }));
  const call = connect({ url }).similarities([{ a: "a", b: "b" }], { signal: AbortSignal.timeout(100) });
  await expect(call).rejects.toSatisfy(isTimeoutError);
});

test("a loop over pages stops at its signal", async () => {
  const { url } = await startRawServer(silence);
  const loop = (async () => {
    for await (const neighbor of connect({ url }).neighbors("dog", { signal: AbortSignal.timeout(50) }))
      return neighbor;
    return undefined;
  })();
  await expect(loop).rejects.toSatisfy(isTimeoutError);
});

test("a loop stops at its signal also inside a page", async () => {
  const nodes = ["dog", "cat", "horse"].map((text, i) => ({ rank: i + 1, text, similarity: 1, id: null }));
  const page = { nodes, pageInfo: { hasNextPage: false, endCursor: null } };
  const { url } = await startRawServer(json(200, { data: { c0: page, model: { limits: LIMITS } } }));
  const controller = new AbortController();
  const seen: string[] = [];
  const loop = (async () => {
    for await (const { text } of connect({ url }).neighbors("dog", { signal: controller.signal })) {
      seen.push(text);
      controller.abort();
    }
  })();
  await expect(loop).rejects.toSatisfy(isAbortedError);
  expect(seen).toEqual(["dog"]);
});
