// node test/abuse/fuzz.mjs --seconds 600
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { readConfig } from "../../dist/config.js";
import { ERROR_CODES } from "../../dist/errors.js";
import { createServer } from "../../dist/server.js";
import { anyBody } from "./fuzz-bodies.mjs";
import { embedBody, runProgram } from "./program.mjs";

const ABOUT = `Sends queries made from the schema, right and wrong, lists of odd texts, and garbage (fast-check).
Whatever is asked, the answer must be JSON with a status below 500 and known codes, none of them INTERNAL, and show
nothing of the inside; the server must stay up.`;
const KNOWN_CODES = new Set([
  ...ERROR_CODES.filter((code) => code !== "INTERNAL"),
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "BAD_REQUEST",
  "OPERATION_RESOLUTION_FAILURE",
]);
const INSIDE = /node_modules|\\n\s+at |\/src\/|\/dist\//;

/** @returns the codes of the answer, `ok` where all went well. Throws where the answer is not as it must be. */
async function send(server, payload) {
  const headers = { "content-type": "application/json" };
  const response = await server.app.inject({ method: "POST", url: "/graphql", headers, payload });
  const answers = [JSON.parse(response.body)].flat();
  const codes = answers.flatMap(({ errors }) => errors?.map(({ extensions }) => extensions?.code) ?? ["ok"]);
  const unknown = codes.find((code) => code !== "ok" && !KNOWN_CODES.has(code));
  if (response.statusCode < 500 && unknown === undefined && !INSIDE.test(response.body)) return codes;
  throw new Error(`${response.statusCode} ${response.body.slice(0, 600)} for ${payload.slice(0, 600)}`);
}

async function fuzz(server, seconds, seed) {
  const counts = { requests: 0, codes: {} };
  const property = fc.asyncProperty(anyBody, async (payload) => {
    counts.requests += 1;
    for (const code of new Set(await send(server, payload)))
      counts.codes[code] = (counts.codes[code] ?? 0) + 1;
  });
  const limits = { interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
  const result = await fc.check(property, { numRuns: 1e9, seed, ...limits });
  return {
    ...counts,
    failure: result.failed ? `${result.errorInstance}, path ${result.counterexamplePath}` : null,
  };
}

await runProgram(
  ABOUT,
  {
    seconds: { default: 30, meaning: "how long" },
    seed: { default: Date.now() % 2 ** 31, meaning: "what to start the choices from" },
  },
  async ({ seconds, seed }) => {
    const folder = await mkdtemp(join(tmpdir(), "groundwire-fuzz-"));
    const server = await createServer(
      readConfig({
        GROUNDWIRE_LOG_LEVEL: "error",
        GROUNDWIRE_MAX_TEXTS: "32",
        GROUNDWIRE_DATA_DIR: folder,
      }),
    );
    const { requests, codes, failure } = await fuzz(server, seconds, seed);
    const after = await send(server, embedBody("zebra"));
    await server.stop();
    await rm(folder, { recursive: true, force: true });
    return {
      counts: { seconds, seed, requests, codes, failure },
      rules: {
        "every answer is as it must be": failure === null,
        "some are answered, others refused in several ways": codes.ok > 10 && Object.keys(codes).length > 4,
        "the server stays up": after.join() === "ok",
      },
    };
  },
);
