import type { EmbeddingModelV3, EmbeddingModelV3CallOptions, EmbeddingModelV3Result } from "@ai-sdk/provider";
import type { Client } from "./client.js";
import type { EmbedOptions } from "./embeddings.js";
import { unwrap } from "./settled.js";

export interface EmbeddingModelOptions extends Pick<EmbedOptions, "normalize" | "space"> {
  /** Its retries, timeouts and limits hold; errors that it throws are not retried by the AI SDK. */
  client: Client;
  /** What logs and telemetry call the model, of which a gateway serves one. @default "served" */
  modelId?: string;
}

/**
 * An embedding model for the Vercel AI SDK, of specification v3: AI SDK 6 and later take it.
 * @example
 * const model = createEmbeddingModel({ client: createClient({ url: "http://127.0.0.1:4000/graphql" }) });
 * const { embeddings } = await embedMany({ model, values: ["zebra", "striped horse"] });
 */
export function createEmbeddingModel({
  client,
  modelId = "served",
  ...options
}: EmbeddingModelOptions): EmbeddingModelV3 {
  async function doEmbed(call: EmbeddingModelV3CallOptions): Promise<EmbeddingModelV3Result> {
    const { values, abortSignal: signal, headers } = call;
    const embeddings = unwrap(await client.embed(values, { ...options, signal }));
    return {
      embeddings: embeddings.map(({ vector }) => Array.from(vector)),
      usage: { tokens: embeddings.reduce((sum, { tokenCount }) => sum + tokenCount, 0) },
      warnings: warnOfHeaders(headers),
    };
  }

  return {
    specificationVersion: "v3",
    provider: "groundwire",
    modelId,
    // The client cuts lists to the gateway's limits, and bounds its requests in flight.
    maxEmbeddingsPerCall: Infinity,
    supportsParallelCalls: true,
    doEmbed,
  };
}

/** The AI SDK always adds its user agent; other headers would be the caller's, and must be given to the client. */
function warnOfHeaders(headers: Record<string, string | undefined> = {}): EmbeddingModelV3Result["warnings"] {
  const own = Object.keys(headers).filter((name) => name.toLowerCase() !== "user-agent");
  if (own.length === 0) return [];
  const details = `${own.join(", ")} not sent: set headers where the client is made`;
  return [{ type: "unsupported", feature: "headers", details }];
}
