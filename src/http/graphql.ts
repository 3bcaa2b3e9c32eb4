import { ApolloServer } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import fastifyApollo from "@as-integrations/fastify";
import type { FastifyInstance } from "fastify";
import type { Config } from "../config.js";
import { MAX_FIRST } from "../graphql/checks.js";
import { Context } from "../graphql/context.js";
import { createErrorLogPlugin, formatError } from "../graphql/errors.js";
import { createGuardPlugin } from "../graphql/guard.js";
import { createLimitRules, PARSE_OPTIONS } from "../graphql/limits.js";
import { createSchema } from "../graphql/schema.js";
import { createStatusPlugin } from "../graphql/status.js";
import { loadTrustedDocuments } from "../graphql/trusted.js";
import type { Services } from "../services.js";
import { registerBatchCap } from "./batch.js";
import type { RateLimiter } from "./rate-limit.js";
import { registerSafeGet } from "./safe-get.js";

/** GraphQL over HTTP at /graphql. */
export async function registerGraphql(
  app: FastifyInstance,
  apollo: ApolloServer<Context>,
  services: Services,
  config: Config,
): Promise<void> {
  const limits = { maxTexts: config.maxTexts, maxFirst: MAX_FIRST, maxBodyBytes: config.maxBodyBytes };
  registerBatchCap(app);
  registerSafeGet(app);
  await app.register(fastifyApollo(apollo), {
    path: "/graphql",
    context: (request) => {
      const context = new Context({
        requestId: request.id,
        services,
        limits,
        caller: request.caller,
        deadline: request.deadline,
      });
      request.timings = context.timings;
      request.tally = context.tally;
      return Promise.resolve(context);
    },
  });
  // By now all requests have been answered; Apollo's own draining would wait for this hook.
  app.addHook("onClose", () => apollo.stop());
}

/** GraphQL within the limits of the configuration; it needs no services before it is asked. */
export async function createApollo(
  app: FastifyInstance,
  limiter: RateLimiter,
  config: Config,
): Promise<ApolloServer<Context>> {
  const trusted = loadTrustedDocuments(config.trustedDocuments || "sdk");
  const only = config.trustedDocuments === "" ? undefined : trusted;
  const apollo = new ApolloServer<Context>({
    schema: await createSchema(),
    formatError,
    introspection: config.introspection,
    // "Did you mean" would tell the schema field by field.
    hideSchemaDetailsFromClientErrors: !config.introspection,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    csrfPrevention: true,
    // Capped by registerBatchCap.
    allowBatchedHttpRequests: true,
    persistedQueries: false,
    parseOptions: PARSE_OPTIONS,
    validationRules: createLimitRules(trusted),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // It looks at every field of every answer; here no answer is to be cached (see requests.ts).
      ApolloServerPluginCacheControlDisabled(),
      createErrorLogPlugin(app.log),
      createGuardPlugin({ maxCost: config.maxCost, limiter, only }),
      createStatusPlugin(),
    ],
  });
  await apollo.start();
  return apollo;
}
