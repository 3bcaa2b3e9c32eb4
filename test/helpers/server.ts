import { readConfig, type Config } from "../../src/config.js";
import type { ErrorCode } from "../../src/errors.js";
import { createServer, type GroundwireServer } from "../../src/server.js";

/** A real gateway on the shipped bundle; it answers through `ask` without a port. */
export function createTestServer(overrides: Partial<Config> = {}): Promise<GroundwireServer> {
  return createServer({ ...readConfig({}), port: 0, logLevel: "silent", ...overrides });
}

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: { code: ErrorCode; requestId?: string; retryAfterMs?: number };
}

export interface GraphqlAnswer<T> {
  data: T;
  errors?: GraphqlError[];
}

/** One GraphQL request; `T` is the shape of `data`. */
export async function ask<T>(
  { app }: GroundwireServer,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<GraphqlAnswer<T>> {
  const response = await app.inject({ method: "POST", url: "/graphql", payload: { query, variables } });
  return response.json();
}

/** A vector of an answer. */
export function decodeVector(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer);
}
