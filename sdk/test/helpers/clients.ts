import { inject } from "vitest";
import { createClient, type Client, type ClientOptions } from "../../src/index.js";

declare module "vitest" {
  interface ProvidedContext {
    gatewayUrl: string;
    relationalUrl: string;
  }
}

/** Longer than the client's default: a busy machine is no failure. */
const TIMEOUT_MS = 110_000;

/** A client of the gateway with the shipped bundle, or of `url`. */
export function connect(options: Partial<ClientOptions> = {}): Client {
  return createClient({ url: inject("gatewayUrl"), timeoutMs: TIMEOUT_MS, ...options });
}

/** A client of the gateway that knows pictures and relations. */
export function connectRelational(options: Partial<ClientOptions> = {}): Client {
  return connect({ url: inject("relationalUrl"), ...options });
}

/** A client with its requests' documents and variables, which reach the gateway unchanged. */
export function observe(options: Partial<ClientOptions> = {}): { client: Client; requests: SentRequest[] } {
  const requests: SentRequest[] = [];
  const observed: typeof fetch = (input, init) => {
    requests.push(JSON.parse(init?.body as string) as SentRequest);
    return fetch(input, init);
  };
  return { client: connect({ ...options, fetch: observed }), requests };
}

export interface SentRequest {
  query: string;
  variables: Record<string, unknown>;
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}
