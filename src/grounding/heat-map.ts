/** A rectangle in shares of the picture's width and height, 0 to 1, from its left upper corner. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface HeatMap {
  /** Largest inner product over all positions, unbounded: how strongly the picture shows it. */
  score: number;
  /** [rows * columns] in row order, 0 at the least similar position to 1 at the most similar one. */
  values: Float32Array;
  /** Around the most similar position and all that hang together with it at `BOX_LEVEL` or more. */
  box: Box;
}

/**
 * Least value of a position inside the box. Chosen by eye on photos: maps are smooth, so that at half of the range most
 * boxes are nearly the whole picture, and near its top a single position.
 */
export const BOX_LEVEL = 0.75;

/** @param similarity [side * side] raw inner products of one word and the photo's positions. */
export function createHeatMap(similarity: Float32Array, side: number): HeatMap {
  const score = Math.max(...similarity);
  const least = Math.min(...similarity);
  // A word that fits everywhere alike has no place of its own.
  const range = score - least || 1;
  const values = similarity.map((value) => (value - least) / range);
  return { score, values, box: boxAround(values, values.indexOf(Math.max(...values)), side) };
}

/** The bounding box of the positions connected to `peak`, by edges, at the level of the box or above. */
function boxAround(values: Float32Array, peak: number, side: number): Box {
  const reached = new Set([peak]);
  for (const position of reached) {
    for (const next of besides(position, side)) {
      if ((values[next] as number) >= BOX_LEVEL) reached.add(next);
    }
  }
  const rows = [...reached].map((position) => Math.floor(position / side));
  const columns = [...reached].map((position) => position % side);
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  return {
    x: left / side,
    y: top / side,
    width: (Math.max(...columns) - left + 1) / side,
    height: (Math.max(...rows) - top + 1) / side,
  };
}

function besides(position: number, side: number): number[] {
  const column = position % side;
  const found = [position - side, position + side];
  if (column > 0) found.push(position - 1);
  if (column < side - 1) found.push(position + 1);
  return found.filter((next) => next >= 0 && next < side * side);
}
