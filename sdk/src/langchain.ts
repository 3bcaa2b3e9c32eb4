import { Embeddings, type EmbeddingsParams } from "@langchain/core/embeddings";
import type { Client } from "./client.js";
import type { EmbedOptions } from "./embeddings.js";
import { unwrap } from "./settled.js";

export interface GroundwireEmbeddingsParams
  extends EmbeddingsParams, Pick<EmbedOptions, "normalize" | "space"> {
  /** Its retries, timeouts and concurrency hold; LangChain's own `maxConcurrency` and `maxRetries` are not used. */
  client: Client;
}

/**
 * LangChain.js embeddings from a groundwire gateway.
 * @example
 * const embeddings = new GroundwireEmbeddings({ client: createClient({ url: "http://127.0.0.1:4000/graphql" }) });
 * const store = await MemoryVectorStore.fromTexts(texts, metadata, embeddings);
 */
export class GroundwireEmbeddings extends Embeddings<number[]> {
  readonly #client: Client;
  readonly #options: EmbedOptions;

  constructor({ client, normalize, space, ...params }: GroundwireEmbeddingsParams) {
    super(params);
    this.#client = client;
    this.#options = { normalize, space };
  }

  /** @throws GroundwireError where any of the texts cannot be embedded. */
  async embedDocuments(documents: string[]): Promise<number[][]> {
    const embeddings = unwrap(await this.#client.embed(documents, this.#options));
    return embeddings.map(({ vector }) => Array.from(vector));
  }

  /** @throws GroundwireError where the text cannot be embedded. */
  async embedQuery(document: string): Promise<number[]> {
    return Array.from((await this.#client.embed(document, this.#options)).vector);
  }
}
