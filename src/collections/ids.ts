/** Orders ids as stores do, by code point; JavaScript's own order is by UTF-16 unit. */
export function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
