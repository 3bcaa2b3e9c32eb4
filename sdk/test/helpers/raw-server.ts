import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  query: string;
  variables: Record<string, unknown>;
  headers: IncomingMessage["headers"];
  /** Milliseconds on performance.now()'s clock. */
  at: number;
}

export type Answer = (response: ServerResponse, request: Received) => void;

/**
 * An HTTP server that gives one prepared answer after another, the last one again and again.
 * It ends with the test.
 */
export async function startRawServer(
  ...answers: [Answer, ...Answer[]]
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { query, variables } = JSON.parse(body || "{}") as Received;
      const entry = { query, variables, headers: request.headers, at: performance.now() };
      received.push(entry);
      answers[Math.min(received.length, answers.length) - 1]?.(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, received };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

/** An answer of the form the gateway gives, for any number of `similarity` pairs. */
export const similarities: Answer = (response, { query, variables }) => {
  const [key] = /\w+(?=: similarity)/.exec(query) ?? ["similarity"];
  const pairs = Object.values(variables)[0] as { a: string; b: string }[];
  const data = { [key]: pairs.map(({ a, b }) => (a === b ? 1 : 0.5)), model: { limits: LIMITS } };
  json(200, { data })(response, {} as Received);
};

export const LIMITS = { maxTexts: 512, maxFirst: 1000, maxTextLength: 1000, maxBodyBytes: 1_048_576 };

/** Closes the connection without an answer. */
export const cut: Answer = (response) => void response.socket?.destroy();

/** Announces more than it sends, then closes the connection. */
export const cutInside: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"data": {');
  setTimeout(() => response.socket?.destroy(), 20);
};

/** Never answers. */
export const silence: Answer = () => undefined;
