import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../src/config.js";
import { createServer, type GroundwireServer } from "../../src/server.js";
import { graphql } from "../helpers/gateway.js";

interface ExportedSpan {
  name: string;
  traceId: string;
  parentSpanId: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number; doubleValue?: number } }[];
}

const exported: ExportedSpan[] = [];
let collector: Server;
let server: GroundwireServer;
let stopped = false;

beforeAll(async () => {
  collector = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[];
      };
      exported.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
      response.end("{}");
    });
  });
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const { port } = collector.address() as AddressInfo;
  server = await createServer(
    readConfig({
      GROUNDWIRE_LOG_LEVEL: "silent",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    }),
  );
});
afterAll(async () => {
  if (!stopped) await server.stop();
  collector.close();
});

test("server-timing tells queue, tokenize and infer of a text's way", async () => {
  const { headers } = await graphql(
    server,
    `
      {
        embed(texts: ["a text for timing"]) {
          norm
        }
      }
    `,
  );
  const timing = String(headers["server-timing"]);
  expect(timing).toMatch(/queue;dur=[\d.]+, tokenize;dur=[\d.]+, infer;dur=[\d.]+/);
  expect(Number(/infer;dur=([\d.]+)/.exec(timing)?.[1])).toBeGreaterThan(0);
});

test("the histograms split queue, tokenize, infer and search", async () => {
  await graphql(
    server,
    `
      {
        nearestNeighbors(query: { text: "an unseen text" }, first: 3) {
          nodes {
            text
          }
        }
      }
    `,
  );
  const { body } = await server.app.inject("/metrics");
  for (const stage of ["queue", "tokenize", "infer", "search"]) {
    expect(body).toMatch(new RegExp(`groundwire_stage_seconds_count\\{stage="${stage}"\\} [1-9]`));
  }
});

test("every metric of the Grafana dashboard is served", async () => {
  const { body } = await server.app.inject("/metrics");
  const dashboard = readFileSync(new URL("../../deploy/grafana-dashboard.json", import.meta.url), "utf8");
  const names = new Set(dashboard.match(/\b(groundwire|nodejs|process)_\w+/g));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names) expect(body).toContain(`\n${name}`);
});

test("a collector gets one span a request, below the caller's, with the stages' times", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  await graphql(
    server,
    `
      {
        embed(texts: ["a traced text"]) {
          norm
        }
      }
    `,
    { headers },
  );
  await server.stop();
  stopped = true;
  const span = exported.find((candidate) => candidate.traceId === traceId);
  expect(span).toMatchObject({ name: "POST /graphql", parentSpanId: "b7ad6b7169203331" });
  const attribute = (key: string) => span?.attributes.find((candidate) => candidate.key === key)?.value;
  expect(attribute("http.response.status_code")?.intValue).toBe(200);
  expect(attribute("groundwire.inferMs")?.doubleValue).toBeGreaterThan(0);
});
