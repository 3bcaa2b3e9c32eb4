import { expect, test } from "vitest";
import { isBadUserInputError, isProtocolError, type Client, type TextItem } from "../src/index.js";
import { connect, connectRelational, observe } from "./helpers/clients.js";
import { json, LIMITS, similarities, startRawServer } from "./helpers/raw-server.js";

const model = { limits: LIMITS };
const pairs = [
  { a: "a", b: "a" },
  { a: "a", b: "b" },
];

test("what callers keep beside the fields of a pair, a term or a filter is not sent", async () => {
  const client = connect();
  const row = { a: "dog", b: "dog", line: 7 };
  const terms = [{ text: "horse", weight: 1, line: 7 }];
  const filter = { kind: "WORD" as const, line: 7 };
  const answers = await Promise.all([
    client.similarities([row]),
    client.compose(terms, { method: "SUM", first: 1 }),
    client.nearestNeighbors({ terms }, { first: 1, filter }),
  ]);
  expect(answers[0][0]).toBeCloseTo(1, 5);
  expect([answers[1].neighbors.length, answers[2].items.length]).toEqual([1, 1]);
});

test("what callers keep beside the fields of an item, a pair or a query is not sent", async () => {
  const client = connectRelational();
  const [texts, images] = [`rows-${process.pid}`, `photos-${process.pid}`];
  await client.createCollection(texts, "TEXTS");
  await client.createCollection(images, "IMAGES");
  const row: TextItem & { line: number } = { id: "1", text: "dog", line: 7 };
  expect(await client.upsertTexts(texts, [row])).toEqual({ upserted: 1, failed: [], truncated: [] });
  const pair = { subject: "man", object: "horse", line: 7 };
  expect((await client.inferPairRelations([pair], { first: 1 }))[0]).toHaveLength(1);
  const query = { text: "dog", line: 7 };
  expect((await client.searchImages(images, query)).items).toEqual([]);
});

test("options that no method knows are not sent", async () => {
  const { client, requests } = observe();
  const options = { first: 1, line: 7 };
  await client.nearestNeighbors("dog", options);
  await client.compose(["dog"], options);
  expect(JSON.stringify(requests)).not.toContain("line");
});

test.each<[string, (client: Client) => Promise<unknown>]>([
  ["a bigint", (client) => client.nearestNeighbors("dog", { first: 10n as unknown as number })],
  ["a bigint in a list", (client) => client.embed(["dog", 5n as unknown as string])],
  ["a bigint beside a list", (client) => client.embed("dog", { normalize: 1n as unknown as boolean })],
  ["no list", (client) => client.embed(undefined as unknown as string[])],
])("%s rejects its own call, and those beside it are served", async (_, ask) => {
  const { url } = await startRawServer(similarities);
  const client = connect({ url });
  const [bad, good] = [ask(client), client.similarity("a", "b")];
  await expect(bad).rejects.toSatisfy(isBadUserInputError);
  expect(await good).toBe(0.5);
});

test("an item that cannot be written as JSON is reported, and the others are stored", async () => {
  const { url } = await startRawServer(
    json(200, { data: { c0: model, model } }),
    json(200, { data: { upsertTexts: [{ id: "good" }] } }),
  );
  const items = [
    { id: "bad", text: 5n as unknown as string },
    { id: "good", text: "dog" },
  ];
  const { upserted, failed } = await connect({ url }).upsertTexts("phrases", items);
  expect([upserted, failed.map(({ id }) => id)]).toEqual([1, ["bad"]]);
  expect(isBadUserInputError(failed[0]?.error)).toBe(true);
});

test.each([
  ["null", [1, null]],
  ["missing", [1]],
])("an item that is %s without an error is a protocol error at its place", async (_, c0) => {
  const { url } = await startRawServer(json(200, { data: { c0, model } }));
  const [first, second] = await connect({ url }).similarities(pairs);
  expect(first).toBe(1);
  expect(isProtocolError(second) && [second.message, second.path]).toEqual([
    "the server's answer lacks similarity[1]",
    ["similarity", 1],
  ]);
});

test("an answer that is null without an error is a protocol error where null is none", async () => {
  const { url } = await startRawServer(json(200, { data: { c0: null, model } }));
  await expect(connect({ url }).nearestNeighbors("dog")).rejects.toSatisfy(isProtocolError);
  expect(await connect({ url }).collection("birds")).toBeNull();
});

test.each([
  ["null", null],
  ["a list of nothing", [null]],
  ["a text", "none"],
])("errors that are %s beside data are none", async (_, errors) => {
  const { url } = await startRawServer(json(200, { data: { c0: [1, 0.5], model }, errors }));
  expect(await connect({ url }).similarities(pairs)).toEqual([1, 0.5]);
});

test.each([
  ["null", { errors: null }],
  ["texts", { errors: ["down for maintenance"] }],
  ["without a message", { errors: [{ extensions: {} }] }],
])("an answer whose errors are %s is told as what it is", async (_, body) => {
  const { url } = await startRawServer(json(400, body));
  const error = await connect({ url })
    .similarities(pairs)
    .catch((reason: unknown) => reason);
  expect(isProtocolError(error) && error.message).toBe(`HTTP 400: ${JSON.stringify(body)}`);
});

test("an answer without data that blames no operation is not asked for again and again", async () => {
  const errors = [{ message: "no", path: ["elsewhere"] }];
  const { url, received } = await startRawServer(json(200, { data: null, errors }));
  const client = connect({ url });
  const outcomes = await Promise.allSettled([client.axes(), client.similarity("a", "b")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(received).toHaveLength(1);
});

test("a page that is no GraphQL fails all calls of the tick at once", async () => {
  const { url, received } = await startRawServer((response) => void response.end("<html>log in</html>"));
  const client = connect({ url });
  const calls = [client.axes(), client.model(), client.predicates(), client.similarity("a", "b")];
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.every((outcome) => outcome.status === "rejected" && isProtocolError(outcome.reason))).toBe(
    true,
  );
  expect(received).toHaveLength(1);
});

test("a proxy that finds a body too large gets it in parts", async () => {
  const { url, received } = await startRawServer((response, request) => {
    const sent = Object.values(request.variables)[0] as unknown[];
    if (sent.length > 1) response.writeHead(413).end("<html>too large</html>");
    else similarities(response, request);
  });
  expect(await connect({ url }).similarities(pairs)).toEqual([1, 0.5]);
  expect(received).toHaveLength(3);
});
