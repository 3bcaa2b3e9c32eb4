import { compareIds } from "./ids.js";

export interface Ranked {
  id: string;
  /** Cosine, -1 to 1. */
  similarity: number;
}

/** How a store reads the best of one search. Where a limit falls among equal ones, it may leave out any of them. */
export interface NearestReader<Hit extends Ranked> {
  /** @param lastId only ids up to this one. @default all */
  hits: (limit: number, lastId?: string) => Promise<Hit[]>;
  /** Without anything else: equal ones may be as many as there are items. */
  ranks: (limit: number) => Promise<Ranked[]>;
}

/** How much more of the ranks is read where all that was read was not enough. */
const GROWTH = 4;

/**
 * The best `limit` hits, equal ones in the order of their ids, so that pages neither repeat nor lose any. It takes one
 * query, and more only where the limit falls among equal ones.
 */
export async function takeNearest<Hit extends Ranked>(
  limit: number,
  { hits, ranks }: NearestReader<Hit>,
): Promise<Hit[]> {
  const found = (await hits(limit + 1)).sort(byRank);
  const edge = found[limit - 1]?.similarity;
  if (edge === undefined || found[limit]?.similarity !== edge) return found.slice(0, limit);
  const better = found.filter(({ similarity }) => similarity > edge);
  const tied = await readTied(edge, limit, ranks);
  // Among the ids up to this one, no more than `limit` are at the edge or better: a second cut leaves none of them out.
  const lastId = tied[limit - better.length - 1];
  const rest = (await hits(limit, lastId)).filter(({ similarity }) => similarity === edge);
  return [...better, ...rest].sort(byRank).slice(0, limit);
}

/** All ids of this similarity, in order. */
async function readTied(
  edge: number,
  limit: number,
  ranks: NearestReader<Ranked>["ranks"],
): Promise<string[]> {
  for (let most = GROWTH * limit; ; most *= GROWTH) {
    const found = await ranks(most);
    if (found.length === most && found.every(({ similarity }) => similarity >= edge)) continue;
    const tied = found.filter(({ similarity }) => similarity === edge);
    return tied.map(({ id }) => id).sort(compareIds);
  }
}

function byRank(a: Ranked, b: Ranked): number {
  return b.similarity - a.similarity || compareIds(a.id, b.id);
}
