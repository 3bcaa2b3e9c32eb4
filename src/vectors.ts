/** Euclidean length. */
export function euclideanNorm(vector: Float32Array): number {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.sqrt(squares);
}

/** The vector at length 1; a zero vector stays as it is. */
export function normalize(vector: Float32Array): Float32Array {
  const norm = euclideanNorm(vector) || 1;
  return vector.map((value) => value / norm);
}

/** Cosine of two vectors, -1 to 1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += (a[i] as number) * (b[i] as number);
  return Math.max(-1, Math.min(1, dot / (euclideanNorm(a) * euclideanNorm(b))));
}
