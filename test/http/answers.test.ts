import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroundwireServer } from "../../src/server.js";
import { startGateway } from "../helpers/gateway.js";

let folder: string;
let server: GroundwireServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-answers-"));
  server = await startGateway({ DATA_DIR: folder });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const EMBED = "query ($texts: [String!]!) { embed(texts: $texts) { text vector norm truncated } }";

async function ask(
  query: string,
  variables: Record<string, unknown> = {},
  { to = server, headers = {} }: { to?: GroundwireServer; headers?: Record<string, string> } = {},
) {
  const {
    statusCode,
    headers: sent,
    body,
  } = await to.app.inject({
    method: "POST",
    url: "/graphql",
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify({ query, variables }),
  });
  return { status: statusCode, headers: sent, body, json: JSON.parse(body) as Record<string, unknown> };
}

/** How often a gateway has given an answer again. */
async function repeats(of: GroundwireServer = server): Promise<number> {
  const { body } = await of.app.inject("/metrics");
  return Number(/^groundwire_repeated_answers_total (\d+)$/m.exec(body)?.[1]);
}

test("an answer that took no model is given again, in every byte and header", async () => {
  const before = await repeats();
  const variables = { texts: ["a spotted owl"] };
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await ask(EMBED, variables));
  // The first took the model; the second was seen for the first time without, the third kept.
  expect(await repeats()).toBe(before + 2);
  for (const { status, body, headers } of answers) {
    expect({ status, body }).toEqual({ status: 200, body: answers[0]?.body });
    expect(Object.keys(headers).sort()).toEqual(Object.keys(answers[0]?.headers ?? {}).sort());
    expect(headers["content-type"]).toBe(answers[0]?.headers["content-type"]);
  }
  expect(new Set(answers.map(({ headers }) => headers["x-request-id"])).size).toBe(5);
});

test("other variables, and another accepted media type, have answers of their own", async () => {
  for (let i = 0; i < 4; i++) await ask(EMBED, { texts: ["a barn owl"] });
  const other = await ask(EMBED, { texts: ["a barn swallow"] });
  expect(other.json).toMatchObject({ data: { embed: [{ text: "a barn swallow" }] } });
  const accept = "application/graphql-response+json";
  const typed = await ask(EMBED, { texts: ["a barn owl"] }, { headers: { accept } });
  expect(typed.headers["content-type"]).toContain(accept);
});

test("what reads a collection is read each time", async () => {
  const count = '{ model { name } collection(id: "owls") { count } }';
  const near =
    '{ nearestNeighbors(query: { text: "owl" }, filter: { collection: "owls" }) { nodes { text } } }';
  await ask('mutation { createCollection(id: "owls", kind: TEXTS) { id } }');
  const before = await repeats();
  for (let items = 0; items < 3; items++) {
    expect((await ask(count)).json).toEqual({
      data: { model: { name: expect.any(String) as string }, collection: { count: items } },
    });
    const { json } = await ask(near);
    expect(json).toHaveProperty("data.nearestNeighbors.nodes.length", items);
    await ask(
      `mutation { upsertTexts(collection: "owls", items: [{ id: "${items}", text: "owl ${items}" }]) { id } }`,
    );
  }
  expect(await repeats()).toBe(before);
});

test("what failed is tried again", async () => {
  const before = await repeats();
  for (let i = 0; i < 3; i++) {
    const { json } = await ask(EMBED, { texts: ["a tawny owl", " "] });
    expect(json).toMatchObject({
      errors: [{ path: ["embed", 1] }],
      data: { embed: [{ text: "a tawny owl" }, null] },
    });
  }
  expect(await repeats()).toBe(before);
});

test("an answer given again costs its caller as much as the first", async () => {
  const limited = await startGateway({ RATE_LIMIT: "1" });
  try {
    const statuses = [];
    // A burst of 10 units, about 1 each.
    for (let i = 0; i < 12; i++)
      statuses.push((await ask('{ embed(texts: ["zebra"]) { norm } }', {}, { to: limited })).status);
    expect(await repeats(limited)).toBeGreaterThan(0);
    expect(statuses.slice(0, 8)).toEqual(Array(8).fill(200));
    expect(statuses.at(-1)).toBe(429);
  } finally {
    await limited.stop();
  }
});

test("keys are asked for before an answer is given again", async () => {
  const guarded = await startGateway({ API_KEYS: "read:0123456789abcdef" });
  try {
    const query = "{ model { name } }";
    const headers = { authorization: "Bearer 0123456789abcdef" };
    for (let i = 0; i < 3; i++) expect((await ask(query, {}, { to: guarded, headers })).status).toBe(200);
    expect((await ask(query, {}, { to: guarded })).status).toBe(401);
  } finally {
    await guarded.stop();
  }
});
