import type { OpenGraph } from "../graph.js";
import type { EncodeReply, EncodeRequest, EncodeSettings } from "../protocol.js";

/** Padded batches of token ids -> pooled vectors. */
export async function createEncodeHandler(settings: EncodeSettings, openGraph: OpenGraph) {
  const graph = await openGraph(settings.model, settings);
  return async ({ ids, rows, length }: EncodeRequest): Promise<EncodeReply> => {
    const started = performance.now();
    const input = new BigInt64Array(ids.length);
    const mask = new BigInt64Array(ids.length);
    for (const [i, token] of ids.entries()) {
      // -1 marks padding: 0 is a token of its own.
      if (token < 0) continue;
      input[i] = BigInt(token);
      mask[i] = 1n;
    }
    const shape = [rows, length];
    const feeds = { input_ids: { data: input, shape }, attention_mask: { data: mask, shape } };
    const { embedding } = await graph.run(feeds, ["embedding"]);
    return { vectors: new Float32Array(embedding as Float32Array), inferMs: performance.now() - started };
  };
}
