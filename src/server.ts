import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import fastifyApollo, { fastifyApolloDrainPlugin } from "@as-integrations/fastify";
import cors from "@fastify/cors";
import Fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { resolveBundleDirectory } from "./bundle/bundle.js";
import type { Config } from "./config.js";
import { MAX_FIRST } from "./graphql/checks.js";
import { createContext, type Context } from "./graphql/context.js";
import { createErrorLogPlugin, formatError } from "./graphql/errors.js";
import { limitDepth } from "./graphql/limits.js";
import { createSchema } from "./graphql/schema.js";
import { registerGraphiql } from "./http/graphiql.js";
import { registerHealth } from "./http/health.js";
import { createMetrics } from "./http/metrics.js";
import { clientSignal, registerRequestHooks, requestId } from "./http/requests.js";
import { startServices, type Services } from "./services.js";

export interface GroundwireServer {
  /** The HTTP application; `app.inject` exercises it without a port. */
  app: FastifyInstance;
  services: Services;
  /** Listens; answers the URL of the GraphQL endpoint. */
  start: () => Promise<string>;
  /** Refuses new requests, answers the accepted ones, ends the workers. */
  stop: () => Promise<void>;
}

/**
 * Makes a gateway that is ready to answer. It listens only when it is started.
 * @throws BundleError where the bundle must not be served.
 */
export async function createServer(config: Config): Promise<GroundwireServer> {
  const metrics = createMetrics();
  const services = await startServices(resolveBundleDirectory(config.model), {
    ...config,
    observe: metrics.observe,
  });
  metrics.follow(services);
  let ready = true;

  const app = Fastify({
    logger: { level: config.logLevel, stream: process.stderr },
    disableRequestLogging: true,
    bodyLimit: config.maxBodyBytes,
    genReqId: requestId,
    forceCloseConnections: "idle",
  });
  registerRequestHooks(app, metrics);
  registerHealth(app, metrics, () => ready);
  if (config.introspection) registerGraphiql(app);
  if (config.corsOrigins.length > 0) await app.register(cors, { origin: [...config.corsOrigins] });
  app.setErrorHandler(answerHttpError);
  await registerGraphql(app, services, config);

  async function stop(): Promise<void> {
    ready = false;
    await app.close();
    await services.close();
  }

  async function start(): Promise<string> {
    const address = await app.listen({ port: config.port, host: config.host });
    return `${address}/graphql`;
  }

  return { app, services, start, stop };
}

async function registerGraphql(app: FastifyInstance, services: Services, config: Config): Promise<void> {
  const apollo = new ApolloServer<Context>({
    schema: await createSchema(),
    formatError,
    introspection: config.introspection,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    validationRules: [limitDepth],
    plugins: [
      fastifyApolloDrainPlugin(app),
      ApolloServerPluginLandingPageDisabled(),
      createErrorLogPlugin(app.log),
    ],
  });
  await apollo.start();
  const limits = { maxTexts: config.maxTexts, maxFirst: MAX_FIRST, maxBodyBytes: config.maxBodyBytes };
  await app.register(fastifyApollo(apollo), {
    path: "/graphql",
    context: (request) => {
      const context = createContext({
        requestId: request.id,
        services,
        limits,
        signal: clientSignal(request),
      });
      request.timings = context.timings;
      return Promise.resolve(context);
    },
  });
  app.addHook("onClose", () => apollo.stop());
}

/** What fails before GraphQL is answered in GraphQL's form. */
function answerHttpError(
  error: FastifyError,
  request: { id: string; log: FastifyInstance["log"] },
  reply: HttpReply,
): void {
  const status = error.statusCode ?? 500;
  if (status >= 500) request.log.error({ err: error, requestId: request.id }, "request failed");
  const message = status >= 500 ? "internal error" : error.message;
  const code = status >= 500 ? "INTERNAL" : "BAD_USER_INPUT";
  void reply.code(status).send({ errors: [{ message, extensions: { code, requestId: request.id } }] });
}

interface HttpReply {
  code: (status: number) => { send: (payload: object) => unknown };
}
