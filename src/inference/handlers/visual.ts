import type { OpenGraph } from "../graph.js";
import type { VisualReply, VisualRequest, VisualSettings } from "../protocol.js";

const CHANNELS = 3;
/** What training makes of a byte. */
const PIXEL = Float32Array.from({ length: 256 }, (_, byte) => (byte - 128) / 128);

/** Batches of RGB bytes -> the visual stream's grids and the pictures' vectors. */
export async function createVisualHandler(settings: VisualSettings, openGraph: OpenGraph) {
  const graph = await openGraph(settings.model, settings);
  const toPlanes = createPlanes();
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

/**
 * [rows, side, side, 3] bytes -> [rows, 3, side, side] of `PIXEL`. The planes lie in memory that the next batch
 * overwrites: a worker runs one batch at a time, and fresh megabytes for each cost more than filling them.
 */
function createPlanes(): (pixels: Uint8Array, rows: number) => Float32Array {
  let memory = new Float32Array(0);
  return function toPlanes(pixels, rows) {
    if (memory.length < pixels.length) memory = new Float32Array(pixels.length);
    const area = pixels.length / rows / CHANNELS;
    for (let row = 0, at = 0; row < rows; row++) {
      const red = row * area * CHANNELS;
      const [green, blue] = [red + area, red + 2 * area];
      for (let i = 0; i < area; i++, at += CHANNELS) {
        memory[red + i] = PIXEL[pixels[at] as number] as number;
        memory[green + i] = PIXEL[pixels[at + 1] as number] as number;
        memory[blue + i] = PIXEL[pixels[at + 2] as number] as number;
      }
    }
    return memory.subarray(0, pixels.length);
  };
}
