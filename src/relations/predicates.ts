import type { PredicateRecord } from "../bundle/relations-file.js";
import { GroundwireError } from "../errors.js";

/** Nearest known names that a refusal lists. */
const SUGGESTIONS = 5;

/** A predicate's index by its name or any alias. */
export type FindPredicate = (name: string) => number;

/**
 * @returns a finder that throws UNKNOWN_PREDICATE, listing the nearest known names; case and runs of spaces are ignored.
 */
export function createPredicateFinder(predicates: readonly PredicateRecord[]): FindPredicate {
  const index = new Map<string, number>();
  predicates.forEach(({ aliases }, i) => aliases.forEach((alias) => index.set(plain(alias), i)));
  // A name wins over an alias of the same spelling.
  predicates.forEach(({ name }, i) => index.set(plain(name), i));

  return function findPredicate(name) {
    const found = index.get(plain(name));
    if (found !== undefined) return found;
    const nearest = nearestNames(plain(name), [...index.keys()]).map(
      (known) => predicates[index.get(known) as number]?.name,
    );
    const names = [...new Set(nearest)].slice(0, SUGGESTIONS).join(", ");
    throw new GroundwireError(
      "UNKNOWN_PREDICATE",
      `predicate must be a known name or alias, is ${JSON.stringify(name.slice(0, 80))}; the nearest are ${names}`,
    );
  };
}

/** Lower case, single spaces. */
export function plain(name: string): string {
  return name.trim().toLowerCase().replace(/\s+/g, " ");
}

function nearestNames(name: string, known: readonly string[]): string[] {
  const wanted = name.slice(0, 80);
  const scored = known.map((candidate) => ({
    candidate,
    distance: editDistance(wanted, candidate) / Math.max(wanted.length, candidate.length),
  }));
  scored.sort((a, b) => a.distance - b.distance);
  return scored.slice(0, 3 * SUGGESTIONS).map(({ candidate }) => candidate);
}

/** Levenshtein distance: insertions, deletions and replacements count 1. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
