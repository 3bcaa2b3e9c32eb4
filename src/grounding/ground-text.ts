import type { Encoded, Encoder } from "../inference/encoder.js";
import type { CallOptions } from "../inference/task-queue.js";
import type { Relations } from "../relations/relations.js";
import { createHeatMap, type HeatMap } from "./heat-map.js";
import { findWords } from "./words.js";

export interface WordMap extends HeatMap {
  /** The word as the text writes it. */
  text: string;
}

export interface TextGrounding {
  /**
   * Mean over the text's tokens of the largest inner product with any position, unbounded: how well text and picture
   * fit (paper, section 2.3).
   */
  score: number;
  /** Positions in a row and in a column of every map. */
  side: number;
  words: WordMap[];
  /** True where the text had more tokens than the model sees; the words beyond have no map. */
  truncated: boolean;
}

export interface GroundingServices {
  encoder: Pick<Encoder, "tokenize" | "dimension">;
  relations: Pick<Relations, "ground">;
}

/**
 * Where in a photo the words of a text are.
 * @param grid [positions, D] of the photo
 * @param tokens the text's last layer [tokens, D]
 * @throws GroundwireError OVERLOADED, TIMEOUT or the signal's reason
 */
export async function groundText(
  text: string,
  grid: Float32Array,
  { vector: tokens, truncated }: Encoded,
  { encoder, relations }: GroundingServices,
  call?: CallOptions,
): Promise<TextGrounding> {
  const { dimension } = encoder;
  const positions = grid.length / dimension;
  const count = tokens.length / dimension;
  // The graph asks for at least one word, whose object is not needed here.
  const { similarity } = await relations.ground(grid, tokens, [tokens.subarray(0, dimension)], call);
  const rows = Array.from({ length: count }, (_, token) =>
    similarity.subarray(token * positions, (token + 1) * positions),
  );
  const side = Math.sqrt(positions);
  const words = findWords(text, encoder.tokenize, count).map(({ text, first, end }) => ({
    text,
    ...createHeatMap(meanRow(rows.slice(first, end)), side),
  }));
  const score = rows.reduce((sum, row) => sum + Math.max(...row), 0) / count;
  return { score, side, words, truncated };
}

function meanRow(rows: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(rows[0]?.length ?? 0);
  for (const row of rows) {
    row.forEach((value, i) => (mean[i] = (mean[i] as number) + value / rows.length));
  }
  return mean;
}
