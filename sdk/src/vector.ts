/** Decodes a `Vector` answer: base64 of little-endian float32 values. */
export function decodeVector(base64: string): Float32Array {
  const bytes = decodeBase64(base64);
  const view = new DataView(bytes.buffer);
  const vector = new Float32Array(bytes.length / 4);
  for (let i = 0; i < vector.length; i++) vector[i] = view.getFloat32(4 * i, true);
  return vector;
}

/** Encodes a vector for a `Vector` argument. */
export function encodeVector(vector: ArrayLike<number>): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length));
  for (let i = 0; i < vector.length; i++) view.setFloat32(4 * i, vector[i] as number, true);
  return encodeBase64(new Uint8Array(view.buffer));
}

export function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** In pieces: one call with all bytes as arguments would overflow the stack. */
export function encodeBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let i = 0; i < bytes.length; i += 0x2000) {
    pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x2000)));
  }
  return btoa(pieces.join(""));
}
