import { aborted } from "./abort.js";

/** What is selected of a connection. */
export interface Connection<T> {
  nodes: T[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

export interface Page<T> {
  items: T[];
  /** The cursor to pass as `after` for the next page; null on the last one. */
  next: string | null;
}

export function toPage<T>({ nodes, pageInfo }: Connection<T>): Page<T> {
  return { items: nodes, next: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null };
}

export function mapPage<T, U>({ items, next }: Page<T>, map: (item: T) => U): Page<U> {
  return { items: items.map(map), next };
}

/** Asks for a page only when the loop has come to its first item. */
export async function* iteratePages<T>(
  load: (after: string | undefined) => Promise<Page<T>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  let after: string | undefined;
  do {
    const { items, next } = await load(after);
    for (const item of items) {
      // The loop may have been at its last item for long.
      if (signal?.aborted) throw aborted(signal);
      yield item;
    }
    after = next ?? undefined;
  } while (after !== undefined);
}
