import { expect, test } from "vitest";
import {
  isInternalError,
  isNetworkError,
  isOverloadedError,
  isProtocolError,
  isRateLimitedError,
  isTimeoutError,
  isUnauthenticatedError,
} from "../src/index.js";
import { connect } from "./helpers/clients.js";
import {
  cut,
  cutInside,
  json,
  LIMITS,
  silence,
  similarities,
  startRawServer,
  type Answer,
} from "./helpers/raw-server.js";

function failing(code: string, extensions: object = {}) {
  return { errors: [{ message: `no: ${code}`, extensions: { code, ...extensions } }] };
}

function partlyOverloaded(retryAfterMs: number): Answer {
  const error = { message: "full", path: ["c0", 0], extensions: { code: "OVERLOADED", retryAfterMs } };
  return json(200, { data: { c0: [null], model: { limits: LIMITS } }, errors: [error] });
}

test.each([
  ["a connection that is cut", cut],
  ["an answer that is cut inside", cutInside],
  ["408", json(408, {})],
  ["429", json(429, failing("RATE_LIMITED"))],
  ["500 without GraphQL", json(500, {})],
  ["502 from a proxy", json(502, "bad gateway")],
  ["503", json(503, failing("OVERLOADED"))],
  ["503 from a proxy", json(503, "no backend")],
  ["an item that met a full queue", partlyOverloaded(0)],
])("%s is tried again", async (_, answer) => {
  const { url, received } = await startRawServer(answer, answer, similarities);
  expect(await connect({ url }).similarity("a", "b")).toBe(0.5);
  expect(received).toHaveLength(3);
});

test("the wait is never shorter than retryAfterMs in an answer", async () => {
  const { url, received } = await startRawServer(partlyOverloaded(300), similarities);
  await connect({ url }).similarity("a", "b");
  expect((received[1]?.at ?? 0) - (received[0]?.at ?? 0)).toBeGreaterThanOrEqual(299);
});

test("the wait is never shorter than Retry-After in a header", async () => {
  const { url, received } = await startRawServer(json(429, {}, { "retry-after": "1" }), similarities);
  await connect({ url }).similarity("a", "b");
  expect((received[1]?.at ?? 0) - (received[0]?.at ?? 0)).toBeGreaterThanOrEqual(999);
});

test("a wait of more than a minute is left to the caller", async () => {
  const { url, received } = await startRawServer(
    json(429, failing("RATE_LIMITED", { retryAfterMs: 3_600_000 })),
  );
  const error = await connect({ url })
    .similarity("a", "b")
    .catch((reason: unknown) => reason);
  expect(isRateLimitedError(error) && error.retryAfterMs).toBe(3_600_000);
  expect(received).toHaveLength(1);
});

test("after the last retry the error says what it was", async () => {
  const refused = await startRawServer(json(503, failing("OVERLOADED", { retryAfterMs: 1 })));
  const client = connect({ url: refused.url, retries: 2 });
  await expect(client.similarity("a", "b")).rejects.toSatisfy(isOverloadedError);
  expect(refused.received).toHaveLength(3);
  const gone = await startRawServer(cut);
  await expect(connect({ url: gone.url, retries: 1 }).similarity("a", "b")).rejects.toSatisfy(isNetworkError);
  expect(gone.received).toHaveLength(2);
});

test("an item that stays refused after the last retry is an error at its place", async () => {
  const { url } = await startRawServer(partlyOverloaded(7));
  const [item] = await connect({ url, retries: 1 }).similarities([{ a: "a", b: "b" }]);
  expect(isOverloadedError(item) && item.retryAfterMs).toBe(7);
});

test("what cannot succeed by waiting is not tried again", async () => {
  const { url, received } = await startRawServer(json(401, failing("UNAUTHENTICATED")));
  await expect(connect({ url }).similarity("a", "b")).rejects.toSatisfy(isUnauthenticatedError);
  expect(received).toHaveLength(1);
});

test("an error of one field is not tried again, and costs nothing to the others", async () => {
  const error = { message: "internal error", path: ["c0"], extensions: { code: "INTERNAL" } };
  const data = { c0: null, c1: { index: 0, text: "a", scores: [] }, model: { limits: LIMITS } };
  const { url, received } = await startRawServer(json(200, { data, errors: [error] }));
  const client = connect({ url });
  const [failed, served] = [client.similarity("a", "b"), client.oddOneOut(["a", "b", "c"])];
  await expect(failed).rejects.toSatisfy(isInternalError);
  expect(await served).toMatchObject({ text: "a" });
  expect(received).toHaveLength(1);
});

test("a failure that takes all data with it is told to its own call alone", async () => {
  const error = { message: "internal error", path: ["c0"], extensions: { code: "INTERNAL" } };
  const { url } = await startRawServer(json(200, { data: null, errors: [error] }), similarities);
  const client = connect({ url });
  const [failed, served] = [client.axes(), client.similarity("a", "b")];
  await expect(failed).rejects.toSatisfy(isInternalError);
  expect(await served).toBe(0.5);
});

test("a page that is no GraphQL is a protocol error with its beginning", async () => {
  const { url } = await startRawServer((response) => void response.end("<html>welcome</html>"));
  const error = await connect({ url })
    .similarity("a", "b")
    .catch((reason: unknown) => reason);
  expect(isProtocolError(error) && error.message).toContain("<html>welcome");
});

test("an attempt that takes longer than timeoutMs is given up", async () => {
  const { url, received } = await startRawServer(silence);
  const error = await connect({ url, timeoutMs: 50 })
    .similarity("a", "b")
    .catch((reason: unknown) => reason);
  expect(isTimeoutError(error) && error.message).toContain("50 ms");
  expect(received).toHaveLength(1);
});

test("an address where nobody listens is named", async () => {
  const client = connect({ url: "http://127.0.0.1:9/graphql", retries: 0 });
  await expect(client.similarity("a", "b")).rejects.toThrow(
    /http:\/\/127\.0\.0\.1:9\/graphql cannot be reached/,
  );
});

test("a proxy's 503 is a network error with its status and wait, and no refusal", async () => {
  const { url, received } = await startRawServer(json(503, "no backend", { "retry-after": "1" }));
  const ask = (retries: number) => connect({ url, retries });
  const error = await ask(0)
    .similarity("a", "b")
    .catch((reason: unknown) => reason);
  expect(isNetworkError(error) && [error.status, error.retryAfterMs]).toEqual([503, 1000]);
  // Whether the collection has been made is not known.
  await expect(ask(3).createCollection("birds", "TEXTS")).rejects.toSatisfy(isNetworkError);
  expect(received).toHaveLength(2);
});

test("an error tells what the server's log calls its request", async () => {
  const refused = await startRawServer(json(500, failing("INTERNAL", { requestId: "r-1" })));
  const whole = connect({ url: refused.url, retries: 0 }).similarity("a", "b");
  await expect(whole).rejects.toMatchObject({ code: "INTERNAL", requestId: "r-1" });
  const extensions = { code: "INTERNAL", requestId: "r-2" };
  const errors = [{ message: "internal error", path: ["c0", 0], extensions }];
  const data = { c0: [null], model: { limits: LIMITS } };
  const { url } = await startRawServer(json(200, { data, errors }));
  const [item] = await connect({ url }).similarities([{ a: "a", b: "b" }]);
  expect(item).toMatchObject({ code: "INTERNAL", requestId: "r-2" });
});

test("the key and own headers are sent", async () => {
  const { url, received } = await startRawServer(similarities);
  await connect({ url, apiKey: "secret", headers: { "x-request-id": "abc" } }).similarity("a", "b");
  expect(received[0]?.headers).toMatchObject({ authorization: "Bearer secret", "x-request-id": "abc" });
});

test("headers of any case never double those of the client: the key and the content type win", async () => {
  const { url, received } = await startRawServer(similarities);
  const headers = { "Content-Type": "text/plain", Authorization: "Basic own", Accept: "application/*" };
  await connect({ url, apiKey: "secret", headers }).similarity("a", "b");
  await connect({ url, headers }).similarity("a", "b");
  const own = { "content-type": "application/json", accept: "application/*" };
  expect(received[0]?.headers).toMatchObject({ ...own, authorization: "Bearer secret" });
  expect(received[1]?.headers).toMatchObject({ ...own, authorization: "Basic own" });
});
