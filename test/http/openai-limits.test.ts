import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readConfig } from "../../src/config.js";
import { registerAuth } from "../../src/http/auth.js";
import { registerDeadlines } from "../../src/http/deadlines.js";
import { registerOpenai } from "../../src/http/openai.js";
import type { Services } from "../../src/services.js";
import { createArithmeticServices } from "../helpers/arithmetic-services.js";

const spend = vi.fn<(callerId: string, cost: number) => void>();
let services: Services;
let app: FastifyInstance;

beforeEach(async () => {
  services = await createArithmeticServices();
  app = Fastify();
  registerAuth(app, []);
  registerDeadlines(app, 60_000);
  registerOpenai(app, services, { spend }, readConfig({ GROUNDWIRE_MAX_COST: "10" }));
});

afterEach(async () => {
  await app.close();
  spend.mockClear();
});

async function embed(input: string[]) {
  const model = services.bundle.manifest.name;
  const response = await app.inject({ method: "POST", url: "/v1/embeddings", payload: { model, input } });
  const body = response.json<{ data?: unknown[]; error?: { message: string } }>();
  return { status: response.statusCode, body, encoded: services.encoder.stats().texts };
}

test("a request that costs more than MAX_COST is refused before it is charged or encoded", async () => {
  const { status, body, encoded } = await embed(Array.from({ length: 11 }, (_, i) => `text ${i}`));
  expect(status).toBe(400);
  expect(body.error).toEqual({
    message: "the request must cost at most 10 units (a short text is 1), costs 12",
    type: "invalid_request_error",
    param: null,
    code: "TOO_MANY_INPUTS",
  });
  expect(encoded).toBe(0);
  expect(spend).not.toHaveBeenCalled();
});

test("a request within MAX_COST is charged and answered", async () => {
  const { status, body, encoded } = await embed(Array.from({ length: 9 }, (_, i) => `text ${i}`));
  expect([status, body.data?.length, encoded]).toEqual([200, 9, 9]);
  expect(spend).toHaveBeenCalledOnce();
  expect(spend.mock.calls[0]?.[1]).toBeCloseTo(9 * (1 + 6 / 400), 6);
});

test.each([
  [
    "too long in tokens",
    "word ".repeat(300),
    "TEXT_TOO_LONG",
    /^input\[1\] must have at most \d+ tokens, has 302$/,
  ],
  ["empty", " ", "BAD_USER_INPUT", /^input\[1\] must not be empty/],
])("a text that is %s refuses the others before they are encoded", async (_name, text, code, message) => {
  const { status, body, encoded } = await embed(["zebra", text, "horse"]);
  expect([status, encoded]).toEqual([400, 0]);
  expect(body.error).toMatchObject({ code, message: expect.stringMatching(message) as string });
});

test("a text of more tokens than characters is refused as well", async () => {
  // To the tokenizer each syllable is three letters.
  const { status, body } = await embed([Array.from({ length: 100 }, () => "각").join(" ")]);
  expect(status).toBe(400);
  expect(body.error?.message).toMatch(/^input\[0\] must have at most \d+ tokens, has 302$/);
});
