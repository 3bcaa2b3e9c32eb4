import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../../src/errors.js";
import * as sdk from "../src/index.js";
import { decodeVector, encodeVector } from "../src/vector.js";

const url = "http://127.0.0.1:4000/graphql";

test.each<[Partial<sdk.ClientOptions>, RegExp]>([
  [{ url: "localhost" }, /url must be an http or https address, is "localhost"/],
  [{ url: "file:///etc" }, /url must be/],
  [{ timeoutMs: 0 }, /timeoutMs must be 1 to 2147483647, is 0/],
  [{ timeoutMs: NaN }, /timeoutMs must be/],
  [{ retries: -1 }, /retries must be an integer of 0 or more, is -1/],
  [{ maxConcurrency: 1.5 }, /maxConcurrency must be an integer of 1 or more, is 1.5/],
  [{ headers: { "x y": "1" } }, /the header x y must have a name and a value that HTTP allows$/],
  [{ apiKey: "sec\nret" }, /^the header authorization must have a name and a value that HTTP allows$/],
])("options %j are refused with their rule", (options, message) => {
  expect(() => sdk.createClient({ url, ...options })).toThrow(message);
  expect(() => sdk.createClient({ url, ...options })).toThrow(sdk.BadUserInputError);
});

test("every code of the gateway has a class and a guard of its own", () => {
  for (const code of ERROR_CODES) {
    const error = sdk.createError(code, "message", { retryAfterMs: 5, cause: "cause" });
    expect(error).toMatchObject({ code, retryAfterMs: 5, cause: "cause" });
    expect(error.name).not.toBe("GroundwireError");
    expect(error.constructor.name).toBe(error.name);
    const guards = Object.entries(sdk).filter(
      ([name]) => /^is\w+Error$/.test(name) && name !== "isGroundwireError",
    );
    const holding = guards.filter(([, guard]) => (guard as (value: unknown) => boolean)(error));
    expect(holding.map(([name]) => name)).toEqual([`is${error.name}`]);
  }
});

test("a code of a newer gateway is a protocol error that keeps its message", () => {
  expect(sdk.createError("BRAND_NEW", "what happened")).toMatchObject({
    code: "PROTOCOL",
    message: "what happened",
  });
  expect(sdk.createError("toString", "trap")).toBeInstanceOf(sdk.ProtocolError);
});

test("foreign errors are not taken for the client's own", () => {
  const foreign = Object.assign(new Error("no"), { code: "ECONNREFUSED" });
  expect([foreign, { code: "TIMEOUT" }, null, "TIMEOUT"].some(sdk.isGroundwireError)).toBe(false);
});

test("a vector survives its encoding bit by bit", () => {
  const vector = Float32Array.from([0, -0, 1e-45, 3.4e38, Math.PI, -1]);
  expect(decodeVector(encodeVector(vector))).toEqual(vector);
  expect(decodeVector(encodeVector([1, 2.5]))).toEqual(Float32Array.from([1, 2.5]));
});

test("the package has no dependencies", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as object;
  expect(manifest).not.toHaveProperty("dependencies");
});
