import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.js";
import { createServer, type GroundwireServer } from "../../src/server.js";

export interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string } }[];
}

export interface TestGateway {
  server: GroundwireServer;
  dataDir: string;
  ask: <Data = Record<string, unknown>>(query: string, variables?: object) => Promise<Answer<Data>>;
  close: () => Promise<void>;
}

/** A real gateway in this process, without a port, on a folder of collections of its own. */
export async function createTestGateway(
  model: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<TestGateway> {
  const dataDir = environment.GROUNDWIRE_DATA_DIR ?? (await mkdtemp(join(tmpdir(), "groundwire-data-")));
  const own = { GROUNDWIRE_MODEL: model, GROUNDWIRE_DATA_DIR: dataDir, GROUNDWIRE_LOG_LEVEL: "silent" };
  const server = await createServer(readConfig({ ...own, ...environment }));
  return {
    server,
    dataDir,
    ask: async <Data>(query: string, variables: object = {}) => {
      const reply = await server.app.inject({
        method: "POST",
        url: "/graphql",
        payload: { query, variables },
      });
      return reply.json<Answer<Data>>();
    },
    close: async () => {
      // Nothing listens: the workers and the store are all that must end.
      await server.services.close();
      if (!environment.GROUNDWIRE_DATA_DIR) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
