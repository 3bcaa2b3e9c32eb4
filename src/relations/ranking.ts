export interface RankedPredicate {
  /** Index of the predicate. */
  predicate: number;
  score: number;
  /** Softmax over all predicates, 0 to 1. */
  probability: number;
}

/** The best predicates of one pair's scores [P], best first; equal ones by their frequency. */
export function rankPredicates(scores: Float32Array, first: number): RankedPredicate[] {
  const best = Math.max(...scores);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - best), 0);
  const ranked = Array.from(scores, (score, predicate) => ({ score, predicate }));
  ranked.sort((a, b) => b.score - a.score || a.predicate - b.predicate);
  return ranked
    .slice(0, first)
    .map(({ score, predicate }) => ({ score, predicate, probability: Math.exp(score - best) / total }));
}
