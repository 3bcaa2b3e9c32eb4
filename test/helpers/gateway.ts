import { readConfig } from "../../src/config.js";
import { createServer, type GroundwireServer } from "../../src/server.js";

/** A real gateway on the shipped bundle, without a port; `variables` are GROUNDWIRE_ variables less the prefix. */
export function startGateway(variables: Record<string, string> = {}): Promise<GroundwireServer> {
  // A busy machine is slow, not wrong.
  const all = { LOG_LEVEL: "silent", PORT: "0", REQUEST_TIMEOUT_MS: "300000", ...variables };
  const environment = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`GROUNDWIRE_${name}`, value]),
  );
  return createServer(readConfig(environment));
}

export interface GraphqlAnswer {
  status: number;
  headers: Record<string, unknown>;
  data: Record<string, unknown> | null | undefined;
  errors: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
}

/** Sends one GraphQL request through the whole HTTP stack. */
export async function graphql(
  { app }: GroundwireServer,
  query: string,
  { variables, headers }: { variables?: Record<string, unknown>; headers?: Record<string, string> } = {},
): Promise<GraphqlAnswer> {
  const response = await app.inject({
    method: "POST",
    url: "/graphql",
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = response.json<Partial<GraphqlAnswer>>();
  return { status: response.statusCode, headers: response.headers, data, errors };
}
