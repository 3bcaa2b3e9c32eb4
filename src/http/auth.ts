import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { GroundwireError } from "../errors.js";

export type Scope = "read" | "write";

/** A key as the server keeps it: its digest, never the key. */
export interface ApiKey {
  /** write includes read. */
  scope: Scope;
  /** SHA-256 of the key. */
  digest: Buffer;
}

/** Who asks: what rate limits count by, and what the caller may do. */
export interface Caller {
  /** Of the key, or the client's address where the server has no keys. */
  id: string;
  scope: Scope;
}

declare module "fastify" {
  interface FastifyRequest {
    caller: Caller;
  }
}

/** Routes that want a key. The rest are probes, and pages that hold no data. */
const GUARDED = /^\/(graphql$|v1\/|metrics$)/;
const SHORTEST_KEY = 16;

/**
 * Reads `read:KEY,write:KEY`. Messages name the place and the rule, never the key.
 * @param problems receives one message for each entry that breaks a rule
 */
export function parseApiKeys(list: string, name: string, problems: string[]): ApiKey[] {
  const entries = list.split(",").filter((entry) => entry.trim() !== "");
  return entries.flatMap((entry, i) => {
    const [, scope, key] = /^\s*(read|write):(\S+)\s*$/.exec(entry) ?? [];
    if (scope && key && key.length >= SHORTEST_KEY) return [{ scope: scope as Scope, digest: sha256(key) }];
    problems.push(
      `${name} must list read:KEY or write:KEY, each KEY of at least ${SHORTEST_KEY} characters; entry ${i + 1} is not (its value is not shown)`,
    );
    return [];
  });
}

/** Knows every request's caller; with keys, refuses requests without a valid one (401). */
export function registerAuth(app: FastifyInstance, keys: readonly ApiKey[]): void {
  app.decorateRequest("caller", null as unknown as Caller);
  app.addHook("onRequest", (request, reply, done) => {
    try {
      request.caller = keys.length === 0 ? { id: request.ip, scope: "write" } : authenticate(request, keys);
      done();
    } catch (error) {
      reply.header("www-authenticate", "Bearer");
      done(error as Error);
    }
  });
}

function authenticate(request: FastifyRequest, keys: readonly ApiKey[]): Caller {
  if (!GUARDED.test(request.routeOptions.url ?? "")) return { id: request.ip, scope: "read" };
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "") ?? [];
  if (token === undefined)
    throw new GroundwireError("UNAUTHENTICATED", "the header authorization must be Bearer KEY, has no key");
  const key = findKey(token, keys);
  if (!key) throw new GroundwireError("UNAUTHENTICATED", "the header authorization holds an unknown key");
  return { id: key.digest.toString("base64url"), scope: key.scope };
}

/** Compares digests, all of them: the time tells neither how much of a key is right nor which key it is. */
function findKey(token: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const digest = sha256(token);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}

function sha256(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
