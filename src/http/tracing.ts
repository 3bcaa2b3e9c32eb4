import type { Span } from "@opentelemetry/api";
import type { FastifyInstance } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    span?: Span;
  }
}

/**
 * One OpenTelemetry span a request, sent to a collector; a caller's `traceparent` becomes its parent. Where no collector
 * is configured, nothing of OpenTelemetry is loaded.
 * @param endpoint base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`
 */
export async function registerTracing(app: FastifyInstance, endpoint: string | undefined): Promise<void> {
  if (endpoint === undefined) return;
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, defaultTextMapGetter } = await import("@opentelemetry/api");
  const { W3CTraceContextPropagator } = await import("@opentelemetry/core");
  const provider = await createProvider(endpoint);
  const tracer = provider.getTracer("groundwire");
  const propagator = new W3CTraceContextPropagator();

  app.decorateRequest("span", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    const parent = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
    const route = request.routeOptions.url ?? "unknown";
    const attributes = {
      "http.request.method": request.method,
      "http.route": route,
      "request.id": request.id,
    };
    request.span = tracer.startSpan(
      `${request.method} ${route}`,
      { kind: SpanKind.SERVER, attributes },
      parent,
    );
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { span, timings } = request;
    span?.setAttribute("http.response.status_code", reply.statusCode);
    for (const [name, ms] of Object.entries(timings ?? {}))
      span?.setAttribute(`groundwire.${name}`, ms as number);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
  app.addHook("onClose", () => provider.shutdown());
}

async function createProvider(endpoint: string) {
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  const { resourceFromAttributes } = await import("@opentelemetry/resources");
  const { BasicTracerProvider, BatchSpanProcessor } = await import("@opentelemetry/sdk-trace-base");
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, "")}/v1/traces` });
  return new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "groundwire" }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
}
