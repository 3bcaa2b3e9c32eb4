import DataLoader from "dataloader";
import type { Completion, CompletionHit, ObjectPair, Relations } from "../../relations/relations.js";

/** All pairs, and all completions, that a request asks for at one level become one product each. */
export interface RelationLoaders {
  pairs: DataLoader<ObjectPair, Float32Array>;
  completions: DataLoader<Completion, CompletionHit[]>;
}

/** Pairs in one product: their outer products take 4 MB at 32 dimensions. */
const MAX_PAIRS = 1024;
/** Completions in one product, as in the lexicon's search. */
const MAX_COMPLETIONS = 64;

/** @param signal ends what they load */
export function createRelationLoaders(
  relations: Pick<Relations, "score" | "complete">,
  signal: AbortSignal,
): RelationLoaders {
  return {
    pairs: new DataLoader((pairs) => relations.score(pairs, "words", { signal }), {
      cache: false,
      maxBatchSize: MAX_PAIRS,
    }),
    completions: new DataLoader((queries) => relations.complete(queries, { signal }), {
      cache: false,
      maxBatchSize: MAX_COMPLETIONS,
    }),
  };
}
