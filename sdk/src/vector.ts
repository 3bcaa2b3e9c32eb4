/** Decodes a `Vector` answer: base64 of little-endian float32 values. */
export function decodeVector(base64: string): Float32Array {
  const binary = atob(base64);
  const view = new DataView(new ArrayBuffer(binary.length));
  for (let i = 0; i < binary.length; i++) view.setUint8(i, binary.charCodeAt(i));
  return Float32Array.from({ length: binary.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Encodes a vector for a `Vector` argument. */
export function encodeVector(vector: ArrayLike<number>): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length));
  for (let i = 0; i < vector.length; i++) view.setFloat32(4 * i, vector[i] as number, true);
  let binary = "";
  for (let i = 0; i < view.byteLength; i++) binary += String.fromCharCode(view.getUint8(i));
  return btoa(binary);
}
