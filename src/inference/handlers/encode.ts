import type { Graph, OpenGraph } from "../graph.js";
import type { EncodeReply, EncodeRequest, EncodeSettings } from "../protocol.js";

/** Padded batches of token ids -> pooled vectors, last layers, or vectors in the space of pictures. */
export async function createEncodeHandler(settings: EncodeSettings, openGraph: OpenGraph) {
  const language = await openGraph(settings.model, settings);
  const retrieval = settings.retrieval ? await openGraph(settings.retrieval, settings) : undefined;
  return async ({ ids, rows, length, output }: EncodeRequest): Promise<EncodeReply> => {
    const started = performance.now();
    const feeds = toFeeds(ids, rows, length);
    const name = output === "embedding" ? "embedding" : "tokens";
    let vectors = (await language.run(feeds, [name]))[name] as Float32Array;
    if (output === "retrieval") {
      const tokens = { data: vectors, shape: [rows, length, vectors.length / (rows * length)] };
      const shared = await (retrieval as Graph).run({ tokens, attention_mask: feeds.attention_mask }, [
        "embedding",
      ]);
      vectors = shared.embedding as Float32Array;
    }
    return { vectors: new Float32Array(vectors), inferMs: performance.now() - started };
  };
}

function toFeeds(ids: Int32Array, rows: number, length: number) {
  const input = new BigInt64Array(ids.length);
  const mask = new BigInt64Array(ids.length);
  for (const [i, token] of ids.entries()) {
    // -1 marks padding: 0 is a token of its own.
    if (token < 0) continue;
    input[i] = BigInt(token);
    mask[i] = 1n;
  }
  const shape = [rows, length];
  return { input_ids: { data: input, shape }, attention_mask: { data: mask, shape } };
}
