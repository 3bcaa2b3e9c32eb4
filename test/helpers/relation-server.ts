import { readConfig } from "../../src/config.js";
import { createServer, type GroundwireServer } from "../../src/server.js";
import { createRelationBundle } from "./relation-bundle.js";

export interface Answer {
  data: Record<string, unknown> | null;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string } }[];
}

export interface RelationServer extends GroundwireServer {
  ask: (query: string, variables?: object) => Promise<Answer>;
}

/** A gateway that serves the bundle of `createRelationBundle`; it listens on no port. */
export async function startRelationServer(): Promise<RelationServer> {
  const bundle = await createRelationBundle();
  const config = readConfig({ GROUNDWIRE_MODEL: bundle.directory, GROUNDWIRE_LOG_LEVEL: "silent" });
  const server = await createServer({ ...config, maxBodyBytes: 16 * 1024 * 1024, requestTimeoutMs: 120_000 });
  const ask = async (query: string, variables: object = {}): Promise<Answer> => {
    const response = await server.app.inject({
      method: "POST",
      url: "/graphql",
      payload: { query, variables },
    });
    return response.json<Answer>();
  };
  // It never listened, so that there is nothing to drain.
  async function stop(): Promise<void> {
    await server.services.close();
    await bundle.remove();
  }
  return { ...server, ask, stop };
}
