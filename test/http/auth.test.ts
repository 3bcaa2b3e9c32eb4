import { afterAll, beforeAll, expect, test } from "vitest";
import { ConfigError, readConfig } from "../../src/config.js";
import type { GroundwireServer } from "../../src/server.js";
import { graphql, startGateway } from "../helpers/gateway.js";

const READ = "reader-key-0123456789";
const WRITE = "writer-key-0123456789";
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

let server: GroundwireServer;
beforeAll(async () => {
  server = await startGateway({ API_KEYS: `read:${READ}, write:${WRITE}` });
});
afterAll(() => server.stop());

test("a request without a key is refused with 401 and is told how to ask", async () => {
  const { status, headers, errors } = await graphql(server, "{ model { name } }");
  expect(status).toBe(401);
  expect(headers["www-authenticate"]).toBe("Bearer");
  expect(errors[0]?.extensions.code).toBe("UNAUTHENTICATED");
});

test.each([`${READ}x`, READ.slice(0, -1), READ.toUpperCase(), "x"])(
  "the unknown key %s is refused and not repeated in the answer",
  async (key) => {
    const { status, errors } = await graphql(server, "{ model { name } }", bearer(key));
    expect(status).toBe(401);
    expect(errors[0]?.extensions.code).toBe("UNAUTHENTICATED");
    expect(JSON.stringify(errors)).not.toContain(key.length > 1 ? key : "Bearer x");
  },
);

test.each([READ, WRITE])("the key %s may query", async (key) => {
  const { status, errors } = await graphql(server, "{ model { name } }", bearer(key));
  expect([status, errors]).toEqual([200, []]);
});

test("a key with the scope read may not change anything", async () => {
  const mutation = 'mutation { deleteCollection(id: "nothing") }';
  const { status, errors } = await graphql(server, mutation, bearer(READ));
  expect(status).toBe(403);
  expect(errors[0]?.extensions.code).toBe("FORBIDDEN");
});

test("probes answer without a key, metrics and the OpenAI route do not", async () => {
  const status = async (url: string) => (await server.app.inject({ url })).statusCode;
  expect(await status("/livez")).toBe(200);
  expect(await status("/readyz")).toBe(200);
  expect(await status("/metrics")).toBe(401);
  expect(await status("/v1/models")).toBe(401);
});

test("a malformed list of keys is refused without showing any of it", () => {
  const read = () => readConfig({ GROUNDWIRE_API_KEYS: `admin:${READ},read:short` });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/GROUNDWIRE_API_KEYS.*entry 1[\s\S]*GROUNDWIRE_API_KEYS.*entry 2/);
  expect(read).not.toThrow(new RegExp(`${READ}|short`));
});

test("the configuration holds digests of the keys, not the keys", () => {
  const config = readConfig({ GROUNDWIRE_API_KEYS: `read:${READ}` });
  expect(config.apiKeys).toHaveLength(1);
  expect(JSON.stringify(config)).not.toContain(READ);
});
