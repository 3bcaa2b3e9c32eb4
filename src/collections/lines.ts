/**
 * The lines of a stream of UTF-8, without the mark that may begin it. A line ends with \n or \r\n alone: readline also
 * ends one where a lone \r stands, and from Node 24 on at U+2028 and U+2029, all of which a JSON record may hold.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  // Joined only once its end is seen: a long line that grew with every chunk would be copied again and again.
  let parts: string[] = [];
  for await (const chunk of input) {
    const [head = "", ...rest] = decoder.decode(chunk, { stream: true }).split("\n");
    parts.push(head);
    for (const part of rest) {
      yield join(parts);
      parts = [part];
    }
  }
  parts.push(decoder.decode());
  // What follows the last \n is a line only where there is something.
  if (parts.some((part) => part !== "")) yield join(parts);
}

function join(parts: readonly string[]): string {
  const line = parts.join("");
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
