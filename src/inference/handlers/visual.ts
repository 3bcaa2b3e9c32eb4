import type { OpenGraph } from "../graph.js";
import type { VisualReply, VisualRequest, VisualSettings } from "../protocol.js";

const CHANNELS = 3;

/** Batches of RGB bytes -> the visual stream's grids and the pictures' vectors. */
export async function createVisualHandler(settings: VisualSettings, openGraph: OpenGraph) {
  const graph = await openGraph(settings.model, settings);
  return async ({ pixels, rows, withGrid }: VisualRequest): Promise<VisualReply> => {
    const started = performance.now();
    const side = Math.sqrt(pixels.length / rows / CHANNELS);
    const image = { data: toPlanes(pixels, rows), shape: [rows, CHANNELS, side, side] };
    const output = await graph.run({ image }, withGrid ? ["embedding", "grid"] : ["embedding"]);
    return {
      embeddings: new Float32Array(output.embedding as Float32Array),
      grids: new Float32Array(output.grid ?? []),
      inferMs: performance.now() - started,
    };
  };
}

/** [rows, side, side, 3] bytes -> [rows, 3, side, side] of `(pixel - 128) / 128`, as in training. */
function toPlanes(pixels: Uint8Array, rows: number): Float32Array {
  const planes = new Float32Array(pixels.length);
  const area = pixels.length / rows / CHANNELS;
  for (let row = 0; row < rows; row++) {
    const start = row * area * CHANNELS;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const plane = start + channel * area;
      for (let i = 0; i < area; i++) {
        planes[plane + i] = ((pixels[start + i * CHANNELS + channel] as number) - 128) / 128;
      }
    }
  }
  return planes;
}
