import cors from "@fastify/cors";
import Fastify, { LogController, type FastifyInstance } from "fastify";
import { openBundle, resolveBundleDirectory } from "./bundle/bundle.js";
import type { Config } from "./config.js";
import { GroundwireError } from "./errors.js";
import { registerAnswers } from "./http/answers.js";
import { registerAuth } from "./http/auth.js";
import { registerBodyLimits } from "./http/bodies.js";
import { registerDeadlines } from "./http/deadlines.js";
import { answerHttpError } from "./http/errors.js";
import { registerExplorer } from "./http/explorer.js";
import { registerGraphiql } from "./http/graphiql.js";
import { registerHealth } from "./http/health.js";
import { createMetrics } from "./http/metrics.js";
import { registerOpenai } from "./http/openai.js";
import { createRateLimiter, type RateLimiter } from "./http/rate-limit.js";
import { registerRequestHooks, requestId } from "./http/requests.js";
import { registerTracing } from "./http/tracing.js";
import { logWorkers } from "./http/workers.js";
import { startServicesOf, type Services } from "./services.js";

export interface GroundwireServer {
  /** The HTTP application; `app.inject` exercises it without a port. */
  app: FastifyInstance;
  services: Services;
  /** Listens; answers the URL of the GraphQL endpoint. */
  start: () => Promise<string>;
  /** Refuses new requests, answers the accepted ones, ends the workers. */
  stop: (options?: StopOptions) => Promise<void>;
}

export interface StopOptions {
  /** Milliseconds after which accepted requests are answered with OVERLOADED instead. @default 8000 */
  graceMs?: number;
}

/** The hint to callers of a server that stops: another may be up by then. */
const RETRY_AFTER_MS = 1_000;
/** A merge that is given up is begun again some writes later. */
const MERGE_GRACE_MS = 300;
/** After the grace, what could be answered has been given up; its answers take a moment to leave. */
const LAST_ANSWERS_MS = 500;

/** Never in a log, wherever a request or its headers are logged. */
const SECRETS = [
  "authorization",
  "headers.authorization",
  "req.headers.authorization",
  "*.headers.authorization",
];

/**
 * Makes a gateway that is ready to answer. It listens only when it is started.
 * @throws BundleError where the bundle must not be served.
 */
export async function createServer(config: Config): Promise<GroundwireServer> {
  const metrics = createMetrics();
  const bundle = await openBundle(resolveBundleDirectory(config.model));
  const starting = startServicesOf(bundle, {
    ...config,
    observe: metrics.observe,
    mergeGraceMs: MERGE_GRACE_MS,
  });
  let ready = true;

  const app = Fastify({
    logger: { level: config.logLevel, stream: process.stderr, redact: SECRETS },
    logController: new LogController({ disableRequestLogging: true }),
    // What is logged of a request carries its id itself; a logger for each would cost all that log nothing.
    childLoggerFactory: (logger) => logger,
    bodyLimit: config.maxBodyBytes,
    genReqId: requestId,
    forceCloseConnections: "idle",
    // A request must be there whole within its time; else slow senders could hold connections for ever.
    requestTimeout: config.requestTimeoutMs,
    // Of silence, also while an answer is sent: who does not read it would hold it, and its request, for ever.
    connectionTimeout: 2 * config.requestTimeoutMs,
    trustProxy: config.trustProxy.length > 0 && [...config.trustProxy],
    http: { headersTimeout: config.requestTimeoutMs, connectionsCheckingInterval: 1000 },
  });
  const limiter = createRateLimiter({ unitsPerSecond: config.rateLimit });
  // The largest part of the code is loaded while other threads load the model.
  const [services, { apollo, registerGraphql }] = await Promise.all([
    starting,
    prepareGraphql(app, limiter, config),
  ]);
  logWorkers(app, services);
  services.grow();
  metrics.follow(services);
  registerRequestHooks(app, metrics);
  const deadlines = registerDeadlines(app, config.requestTimeoutMs);
  app.addHook("onSend", (_request, reply, payload, done) => {
    // A kept-alive connection would hold the drain up.
    if (!ready) reply.header("connection", "close");
    done(null, payload);
  });
  registerBodyLimits(app, config.maxBodyBytes);
  await registerTracing(app, config.otlpEndpoint);
  app.setErrorHandler(answerHttpError);
  // Before the keys are asked for: a browser's preflight carries none.
  if (config.corsOrigins.length > 0) await app.register(cors, { origin: [...config.corsOrigins] });
  registerAuth(app, config.apiKeys);
  registerHealth(app, metrics, () => ready);
  registerExplorer(app);
  if (config.introspection) registerGraphiql(app);
  registerOpenai(app, services, limiter, config);
  registerAnswers(app, limiter, metrics);
  await registerGraphql(app, apollo, services, config);

  async function stop({ graceMs = 8_000 }: StopOptions = {}): Promise<void> {
    ready = false;
    const late = new GroundwireError("OVERLOADED", "the server is stopping", {
      retryAfterMs: RETRY_AFTER_MS,
    });
    const timers = [
      setTimeout(() => deadlines.abortAll(late), graceMs),
      // Who has stopped in the middle of a request is never late: Node looks at nobody's time once it closes.
      setTimeout(() => app.server.closeAllConnections(), graceMs + LAST_ANSWERS_MS),
    ];
    await app.close();
    timers.forEach(clearTimeout);
    await services.close();
  }

  async function start(): Promise<string> {
    const address = await app.listen({ port: config.port, host: config.host });
    return `${address}/graphql`;
  }

  return { app, services, start, stop };
}

async function prepareGraphql(app: FastifyInstance, limiter: RateLimiter, config: Config) {
  const { createApollo, registerGraphql } = await import("./http/graphql.js");
  return { apollo: await createApollo(app, limiter, config), registerGraphql };
}
