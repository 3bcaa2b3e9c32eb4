/** Euclidean length. */
export function euclideanNorm(vector: Float32Array): number {
  return Math.sqrt(dot(vector, vector));
}

/** In double precision. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** The vector at length 1; a zero vector stays as it is. */
export function normalize(vector: Float32Array): Float32Array {
  return divide(vector, euclideanNorm(vector) || 1);
}

/** The vector with every component divided, such as by its known length. */
export function divide(vector: Float32Array, divisor: number): Float32Array {
  const quotient = new Float32Array(vector.length);
  // A plain loop: map() with its callback takes several times as long, and every answer pays for it.
  for (let i = 0; i < quotient.length; i++) quotient[i] = (vector[i] as number) / divisor;
  return quotient;
}

/** Cosine of two vectors, -1 to 1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return Math.max(-1, Math.min(1, dot(a, b) / (euclideanNorm(a) * euclideanNorm(b))));
}
