import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readConfig } from "../../src/config.js";
import { createServer, type GroundwireServer } from "../../src/server.js";
import { graphql } from "../helpers/gateway.js";

const READ = "reader-key-0123456789";
const ORIGIN = "https://app.example";
const quiet = { GROUNDWIRE_LOG_LEVEL: "silent" };

describe("in production", () => {
  let server: GroundwireServer;
  beforeAll(async () => {
    server = await createServer(readConfig({ ...quiet, NODE_ENV: "production" }));
  });
  afterAll(() => server.stop());

  test("the schema is not told: no introspection, no GraphiQL, no suggestions", async () => {
    const asked = await graphql(server, "{ __schema { types { name } } }");
    expect(asked.data ?? undefined).toBeUndefined();
    expect(asked.errors[0]?.extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
    expect((await server.app.inject("/graphiql")).statusCode).toBe(404);
    const misspelled = await graphql(server, "{ modle { name } }");
    expect(misspelled.errors[0]?.message).not.toMatch(/did you mean/i);
  });

  test("queries are answered as ever", async () => {
    const { data } = await graphql(server, "{ model { stage } }");
    expect(data?.model).toBeDefined();
  });
});

describe("with an origin and a key", () => {
  let server: GroundwireServer;
  const logged: string[] = [];
  beforeAll(async () => {
    const write = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
      logged.push(String(chunk));
      return true;
    });
    const variables = {
      GROUNDWIRE_LOG_LEVEL: "trace",
      GROUNDWIRE_CORS_ORIGINS: ORIGIN,
      GROUNDWIRE_API_KEYS: `read:${READ}`,
    };
    server = await createServer(readConfig(variables));
    return () => write.mockRestore();
  });
  afterAll(() => server.stop());

  const preflight = (origin: string) =>
    server.app.inject({
      method: "OPTIONS",
      url: "/graphql",
      headers: { origin, "access-control-request-method": "POST" },
    });

  test("its pages may ask, those of others may not", async () => {
    const own = await preflight(ORIGIN);
    expect(own.statusCode).toBe(204);
    expect(own.headers["access-control-allow-origin"]).toBe(ORIGIN);
    const other = await preflight("https://evil.example");
    expect(other.headers["access-control-allow-origin"]).not.toBe("https://evil.example");
  });

  test("a key is in no log, whatever goes wrong", async () => {
    const headers = { authorization: `Bearer ${READ}` };
    await graphql(server, "{ model { name } }", { headers });
    await graphql(server, "{ nothing", { headers });
    await graphql(server, "{ model { name } }", { headers: { authorization: `Bearer ${READ}x` } });
    server.app.log.error({ req: { headers } }, "a request logged whole");
    server.app.log.error({ headers }, "its headers");
    expect(logged.join()).toContain("a request logged whole");
    expect(logged.join()).not.toContain(READ);
  });
});
