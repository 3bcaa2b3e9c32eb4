import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroundwireServer } from "../../src/server.js";
import { startGateway } from "../helpers/gateway.js";

const LIMIT = 32 * 1024 * 1024;
const SMALL = `{"query":"{ similarity(pairs: [{ a: \\"cat\\", b: \\"dog\\" }]) }"}`;

let server: GroundwireServer;
let url: string;
beforeAll(async () => {
  server = await startGateway({ MAX_BODY_BYTES: String(LIMIT) });
  url = await server.start();
});
afterAll(() => server.stop());

async function post(body: RequestInit["body"]) {
  const headers = { "content-type": "application/json" };
  // `duplex` is what fetch asks for where a body is a stream; the types do not know it.
  const response = await fetch(url, { method: "POST", headers, body, duplex: "half" } as RequestInit);
  const { errors } = (await response.json()) as { errors?: { message: string; extensions: object }[] };
  return { status: response.status, retryAfter: response.headers.get("retry-after"), error: errors?.[0] };
}

/** Sends the head of a request and some of its body, and then nothing more. */
async function stall(bytes: number, port = Number(new URL(url).port)): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LIMIT}\r\n\r\n`;
  socket.write(head);
  await new Promise<void>((resolve) => socket.write(Buffer.alloc(bytes, " "), () => resolve()));
  return socket;
}

test("a body beyond the limit is refused unread, with the limit and its size", async () => {
  const { status, error } = await post(" ".repeat(LIMIT + 1));
  expect(status).toBe(413);
  expect(error).toMatchObject({
    message: `a request's body must have at most ${LIMIT} bytes (GROUNDWIRE_MAX_BODY_BYTES), has ${LIMIT + 1}`,
    extensions: { code: "BAD_USER_INPUT" },
  });
});

test("a body of very many tiny values is refused before they are looked at", async () => {
  const texts = Array.from({ length: 600_000 }, () => "");
  const { status, error } = await post(JSON.stringify({ query: "{ model { name } }", variables: { texts } }));
  expect(status).toBe(400);
  expect(error).toMatchObject({
    message: "a body must have at most 500000 values",
    extensions: { code: "TOO_MANY_INPUTS" },
  });
});

test("when large bodies under way fill their share, the next is OVERLOADED and small ones are served", async () => {
  const large = SMALL + " ".repeat(1024 * 1024);
  let stalled: Socket[] = [];
  const fill = async () => {
    // A large one that came before the last of them had arrived may have had it refused.
    const kept = stalled.filter(({ destroyed }) => !destroyed);
    const others = Array.from({ length: 4 - kept.length }, () => stall(LIMIT - 1024));
    stalled = [...kept, ...(await Promise.all(others))];
  };
  await expect.poll(() => fill().then(async () => (await post(large)).status)).toBe(503);
  const { retryAfter, error } = await post(large);
  expect(retryAfter).toBe("1");
  expect(error).toMatchObject({ extensions: { code: "OVERLOADED", retryAfterMs: 1000 } });
  expect((await post(SMALL)).status).toBe(200);

  for (const socket of stalled) socket.destroy();
  await expect.poll(async () => (await post(large)).status).toBe(200);
});

test("who does not read the answer is cut off, and gives back what its body took", async () => {
  const strict = await startGateway({ REQUEST_TIMEOUT_MS: "5000", MAX_COST: "100000" });
  const port = Number(new URL(await strict.start()).port);
  await strict.services.encoder.encode(["cat"]);
  const fields = Array.from({ length: 15 }, (_, i) => `a${i}: embed(texts: $t) { vector }`).join(" ");
  const query = `query ($t: [String!]!) { ${fields} }`;
  const variables = { t: Array.from({ length: 500 }, () => "cat") };
  // As large as all that may be under way together.
  const body = JSON.stringify({ query, variables }) + " ".repeat(15 * 2 ** 20);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.pause();
  const type = "content-type: application/json";
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\n${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const connections = () =>
    new Promise<number>((resolve) => strict.app.server.getConnections((_, count) => resolve(count)));
  await expect.poll(connections).toBe(1);
  await expect.poll(connections, { timeout: 60_000 }).toBe(0);
  socket.destroy();
  await strict.stop();
});

test("a body whose length nobody told is served, and counted as it arrives", async () => {
  const pieces = [SMALL, " ".repeat(200_000)];
  const stream = () => new Blob(pieces).stream();
  expect((await post(stream())).status).toBe(200);
  const stalled: Socket[] = [];
  // One after the other: what the test before held may be let go of only now.
  const full = async () => {
    stalled.push(await stall(LIMIT - 1024));
    return (await post(stream())).status;
  };
  await expect.poll(full).toBe(503);
  for (const socket of stalled) socket.destroy();
});

test("a body that never ends does not hold up the server's end", async () => {
  const other = await startGateway({ MAX_BODY_BYTES: String(LIMIT) });
  let begun = 0;
  other.app.server.on("request", () => (begun += 1));
  const socket = await stall(1024, Number(new URL(await other.start()).port));
  await expect.poll(() => begun).toBe(1);
  await other.stop({ graceMs: 100 });
  await expect.poll(() => socket.closed).toBe(true);
});
