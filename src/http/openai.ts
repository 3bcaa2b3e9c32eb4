import { setImmediate } from "node:timers/promises";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../config.js";
import { GroundwireError, isGroundwireError, type ErrorCode } from "../errors.js";
import { checkCost, textCost } from "../graphql/cost.js";
import { encodeVector } from "../graphql/scalars/vector.scalar.js";
import type { Encoded, Timings } from "../inference/encoder.js";
import { checkText, checkWhole } from "../inference/tokenizer.js";
import type { Services } from "../services.js";
import { normalize } from "../vectors.js";
import { addRetryHeaders, toRefusal } from "./errors.js";
import type { RateLimiter } from "./rate-limit.js";

interface EmbeddingsRequest {
  model: string;
  input: string[];
  format: "float" | "base64";
}

const TYPES: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: "authentication_error",
  FORBIDDEN: "permission_error",
  RATE_LIMITED: "rate_limit_error",
  OVERLOADED: "overloaded_error",
  TIMEOUT: "timeout_error",
  INTERNAL: "server_error",
};

/**
 * `/v1/embeddings` and `/v1/models` as OpenAI serves them: vectors of length 1, the same as GraphQL's `embed`. The
 * protocol has no place for one item's error or for `truncated`, so one bad or too long text refuses the whole request.
 */
export function registerOpenai(
  app: FastifyInstance,
  services: Services,
  limiter: RateLimiter,
  config: Config,
): void {
  void app.register((scope, _options, done) => {
    scope.setErrorHandler((error, request, reply) => {
      const refusal = toRefusal(error, request);
      const { status, code, message } = refusal;
      addRetryHeaders(reply, refusal);
      const type = TYPES[code] ?? "invalid_request_error";
      void reply.code(status).send({ error: { message, type, param: null, code } });
    });
    scope.get("/v1/models", () => ({ object: "list", data: [describeModel(services)] }));
    scope.post("/v1/embeddings", async (request) => {
      const wanted = parseRequest(request.body, services, config);
      const cost = wanted.input.reduce((sum, text) => sum + textCost(text), 0);
      checkCost(cost, config.maxCost);
      limiter.spend(request.caller.id, cost);
      await checkTexts(wanted.input, services);
      const encoded = await encode(wanted.input, request, services);
      return toAnswer(encoded, wanted);
    });
    done();
  });
}

function describeModel({ bundle }: Services) {
  const { name, stage, dimension } = bundle.manifest;
  return { id: name, object: "model", created: 0, owned_by: "groundwire", stage, dimension };
}

function parseRequest(body: unknown, { bundle }: Services, { maxTexts }: Config): EmbeddingsRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw bad("the body must be a JSON object");
  const { model, input, encoding_format: format = "float", dimensions } = body as Record<string, unknown>;
  const { name, dimension } = bundle.manifest;
  if (model !== name) throw bad(`model must be ${JSON.stringify(name)}, is ${JSON.stringify(model)}`);
  if (format !== "float" && format !== "base64")
    throw bad(`encoding_format must be "float" or "base64", is ${JSON.stringify(format)}`);
  if (dimensions !== undefined && dimensions !== dimension)
    throw bad(`dimensions must be ${dimension}, is ${JSON.stringify(dimensions)}`);
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  if (texts.length === 0 || !texts.every((text) => typeof text === "string"))
    throw bad("input must be a string or a non-empty list of strings");
  if (texts.length > maxTexts)
    throw new GroundwireError(
      "TOO_MANY_INPUTS",
      `input must have at most ${maxTexts} items, has ${texts.length}`,
    );
  return { model, input: texts, format };
}

/**
 * Finds, before anything is encoded, what would refuse the whole request. A text of no more characters than maxTokens
 * seldom has more tokens: only longer ones are tokenized for it, and `encode` finds the rest.
 * @throws GroundwireError BAD_USER_INPUT, TEXT_TOO_LONG
 */
async function checkTexts(texts: string[], { encoder, bundle }: Services): Promise<void> {
  const { maxTokens } = bundle.manifest;
  texts.forEach((text, i) => checkText(text, `input[${i}]`));
  for (const [i, text] of texts.entries()) {
    if (text.length <= maxTokens) continue;
    checkWhole(encoder.tokenize(text), `input[${i}]`, maxTokens);
    // Long texts take milliseconds each, in which nobody else is answered.
    await setImmediate();
  }
}

async function encode(
  texts: string[],
  request: FastifyRequest,
  { encoder, bundle }: Services,
): Promise<Encoded[]> {
  const timings: Timings = { tokenizeMs: 0, queueMs: 0, inferMs: 0 };
  request.timings = timings;
  const results = await encoder.encode(texts, {
    fields: texts.map((_, i) => `input[${i}]`),
    signal: request.deadline.signal,
    timings,
  });
  const { maxTokens } = bundle.manifest;
  return results.map((result, i) => {
    if (isGroundwireError(result)) throw result;
    checkWhole(result, `input[${i}]`, maxTokens);
    return result;
  });
}

function toAnswer(encoded: Encoded[], { model, format }: EmbeddingsRequest) {
  const data = encoded.map(({ vector }, index) => {
    const unit = normalize(vector);
    return {
      object: "embedding",
      index,
      embedding: format === "base64" ? encodeVector(unit) : Array.from(unit),
    };
  });
  const tokens = encoded.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
  return { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}
