import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBadUserInputError, isGroundwireError, unwrap } from "../src/index.js";
import { connect, observe } from "./helpers/clients.js";
import { startGateway, type Gateway } from "./helpers/start-gateway.mjs";

test("calls of one tick travel in one request", async () => {
  const { client, requests } = observe();
  const [zebra, horse, neighbors, odd, model] = await Promise.all([
    client.embed("zebra"),
    client.concept("horse", { neighbors: 2 }),
    client.nearestNeighbors("dog", { first: 1 }),
    client.oddOneOut(["dog", "cat", "democracy"]),
    client.model(),
  ]);
  expect(requests).toHaveLength(1);
  expect([zebra.text, horse.text, neighbors.items.length, odd.text]).toEqual([
    "zebra",
    "horse",
    1,
    "democracy",
  ]);
  expect(model.dimension).toBe(zebra.vector.length);
});

test("calls behind a few awaits still share the tick", async () => {
  const { client, requests } = observe();
  async function embedLate(text: string): Promise<string> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
    return (await client.embed(text)).text;
  }
  expect(await Promise.all(["dog", "cat"].map(embedLate))).toEqual(["dog", "cat"]);
  expect(requests).toHaveLength(1);
});

test("many calls of one kind become one list, and each gets its own answer", async () => {
  const { client, requests } = observe();
  const texts = Array.from({ length: 300 }, (_, i) => `${i % 30} dogs`);
  const embeddings = await Promise.all(texts.map((text) => client.embed(text)));
  expect(requests).toHaveLength(1);
  expect(requests[0]?.query.match(/embed/g)).toHaveLength(1);
  expect(embeddings.map(({ text }) => text)).toEqual(texts);
});

test("a bad call among merged ones fails alone, and its message counts in its own list", async () => {
  const { client } = observe();
  const [first, second] = await Promise.all([client.embed(["dog", "cat"]), client.embed(["horse", ""])]);
  expect(unwrap(first)).toHaveLength(2);
  const [horse, empty] = second;
  expect(horse).toMatchObject({ text: "horse" });
  expect(isGroundwireError(empty) && [empty.message, empty.path]).toEqual([
    expect.stringContaining("texts[1]"),
    ["embed", 1],
  ]);
});

test("a call whose variables the server cannot read does not harm those beside it", async () => {
  const { client } = observe();
  const bad = client.embed(["cat", 5 as unknown as string]);
  const beside = [client.embed("dog"), client.oddOneOut(["dog", "cat", "democracy"])] as const;
  await expect(bad).rejects.toSatisfy(isBadUserInputError);
  expect((await Promise.all(beside)).map(({ text }) => text)).toEqual(["dog", "democracy"]);
});

test("1,300 texts are cut to the advertised limit and come back in order", async () => {
  const { client, requests } = observe();
  const { limits } = await client.model();
  const texts = Array.from({ length: 1300 }, (_, i) => `${i % 40} zebras`);
  texts[1200] = "";
  const answered = await client.embed(texts);
  expect(requests.length - 1).toBe(Math.ceil(texts.length / limits.maxTexts));
  expect(answered.map((item) => (isGroundwireError(item) ? "" : item.text))).toEqual(texts);
  expect(answered[1200]).toMatchObject({
    path: ["embed", 1200],
    message: expect.stringContaining("texts[1200]") as string,
  });
});

test("at most maxConcurrency requests are in flight", async () => {
  let [running, most] = [0, 0];
  const counting: typeof fetch = (input, init) => {
    most = Math.max(most, ++running);
    return fetch(input, init).finally(() => running--);
  };
  const client = connect({ maxConcurrency: 2, fetch: counting });
  const { limits } = await client.model();
  const texts = Array.from({ length: limits.maxTexts * 4 }, () => "dog");
  expect(await client.embed(texts)).toHaveLength(texts.length);
  expect(most).toBe(2);
});

test("without combining, each request is one trusted document, and lists are still merged", async () => {
  const { client, requests } = observe({ combine: false });
  const texts = ["dog", "cat", "horse"];
  const calls = [
    ...texts.map((text) => client.embed(text)),
    client.concept("zebra"),
    client.concept("table"),
  ];
  expect((await Promise.all(calls)).map(({ text }) => text)).toEqual([...texts, "zebra", "table"]);
  expect(requests.map(({ query }) => /^query (\w+)/.exec(query)?.[1]).sort()).toEqual([
    "Concepts",
    "Embed",
    "Model",
  ]);
});

describe("a gateway with small limits", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ GROUNDWIRE_MAX_TEXTS: "10", GROUNDWIRE_MAX_BODY_BYTES: "3000" });
  });
  afterAll(() => gateway.stop());

  test("refuses a first call that assumed more, which is then cut to what it takes", async () => {
    const { client, requests } = observe({ url: gateway.url });
    const texts = Array.from({ length: 35 }, (_, i) => `${i} horses`);
    expect(unwrap(await client.embed(texts)).map(({ text }) => text)).toEqual(texts);
    for (const { variables } of requests.slice(1)) {
      expect(Object.values(variables).find(Array.isArray)?.length).toBeLessThanOrEqual(10);
    }
  });

  test("is found out in time for the parts of a long list that wait for their turn", async () => {
    const { client } = observe({ url: gateway.url });
    const texts = Array.from({ length: 2100 }, (_, i) => `${i % 10}`);
    expect(unwrap(await client.embed(texts)).map(({ text }) => text)).toEqual(texts);
  });

  test("is found out by a client that has known larger ones", async () => {
    let moved = false;
    const moving: typeof fetch = (input, init) => fetch(moved ? gateway.url : input, init);
    const client = connect({ fetch: moving });
    expect((await client.model()).limits.maxTexts).toBeGreaterThan(10);
    moved = true;
    const texts = Array.from({ length: 35 }, (_, i) => `${i} zebras`);
    const [first, second] = await Promise.all([client.embed(texts), client.embed("dog")]);
    expect(unwrap(first).map(({ text }) => text)).toEqual(texts);
    expect(second.text).toBe("dog");
  });

  test("gets bodies within its bytes, and a text that cannot fit is an error at its place", async () => {
    const { client, requests } = observe({ url: gateway.url });
    await client.model();
    const texts = Array.from({ length: 12 }, (_, i) => `${i}`.repeat(500).slice(0, 500));
    texts[7] = "é".repeat(4000);
    const answered = await client.embed(texts);
    const failed = answered.flatMap((item, i) => (isGroundwireError(item) ? [i] : []));
    expect(failed).toEqual([7]);
    const sizes = requests.map((request) => Buffer.byteLength(JSON.stringify(request)));
    expect(sizes.filter((size) => size > 3000)).toHaveLength(1);
  });

  test("refuses a picture that fits no request with status 413", async () => {
    const client = connect({ url: gateway.url });
    const error = await client.ground(new Uint8Array(4000), "dog").catch((reason: unknown) => reason);
    expect(isBadUserInputError(error) && error.status).toBe(413);
  });

  test("is found out by its refusals where the first call is already too large for it", async () => {
    const { client } = observe({ url: gateway.url });
    const texts = Array.from({ length: 12 }, (_, i) => `${i % 10}`.repeat(500));
    expect(unwrap(await client.embed(texts)).map(({ text }) => text)).toEqual(texts);
  });
});
