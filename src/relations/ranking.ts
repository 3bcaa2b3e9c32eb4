import type { PredicateRecord } from "../bundle/relations-file.js";
import type { SeenTriples } from "./seen-triples.js";

export interface RankedPredicate {
  predicate: PredicateRecord;
  score: number;
  /** Softmax over all predicates, 0 to 1. */
  probability: number;
  /** Whether training saw this very triple. */
  seen: boolean;
  /** Times that training saw it. */
  count: number;
}

export interface ScoredPair {
  subject: string;
  object: string;
  /** [P] */
  scores: Float32Array;
}

/** The best predicates of a pair, best first; equal ones by their frequency. */
export function rankPredicates(
  { subject, object, scores }: ScoredPair,
  first: number,
  known: { predicates: readonly PredicateRecord[]; seen: SeenTriples },
): RankedPredicate[] {
  const best = Math.max(...scores);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - best), 0);
  const order = Array.from(scores, (score, index) => ({ score, index }));
  order.sort((a, b) => b.score - a.score || a.index - b.index);
  const counts = known.seen(subject, object);
  return order.slice(0, first).map(({ score, index }) => ({
    predicate: known.predicates[index] as PredicateRecord,
    score,
    probability: Math.exp(score - best) / total,
    seen: counts.has(index),
    count: counts.get(index) ?? 0,
  }));
}
