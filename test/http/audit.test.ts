import { serverAudits } from "graphql-http";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroundwireServer } from "../../src/server.js";
import { startGateway } from "../helpers/gateway.js";

let server: GroundwireServer;
let url: string;

beforeAll(async () => {
  server = await startGateway();
  url = await server.start();
});
afterAll(() => server.stop());

for (const audit of serverAudits({ url: () => url, fetchFn: fetch })) {
  test(`GraphQL over HTTP: the server ${audit.name}`, async () => {
    const result = await audit.fn();
    expect(result.status, "reason" in result ? result.reason : undefined).toBe("ok");
  });
}
