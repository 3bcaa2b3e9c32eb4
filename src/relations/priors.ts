import type { RelationsFile } from "../bundle/relations-file.js";

/**
 * How much an entry's frequency at its end of the training triples counts, and the count of an entry never seen there:
 * a score alone ranks every exotic name that fits before the plain one. Chosen on FACTUAL's development split by
 * `python -m groundwire_training.completion`.
 */
const PRIOR_SHARE = 0.6;
const UNSEEN_COUNT = 0.1;

export interface Priors {
  /** [N], for each entry of the lexicon. */
  subject: Float32Array;
  object: Float32Array;
}

/** `PRIOR_SHARE x ln(count)` of each entry as a subject, and as an object. */
export function createPriors({ seen }: Pick<RelationsFile, "seen">, entries: readonly string[]): Priors {
  const subjects = new Map<string, number>();
  const objects = new Map<string, number>();
  for (const [pair, cells] of seen) {
    const [subject, object] = pair.split("\t") as [string, string];
    const count = cells.split(" ").reduce((sum, cell) => sum + Number(cell.slice(cell.indexOf(":") + 1)), 0);
    subjects.set(subject, (subjects.get(subject) ?? 0) + count);
    objects.set(object, (objects.get(object) ?? 0) + count);
  }
  const toPrior = (counts: Map<string, number>): Float32Array =>
    Float32Array.from(entries, (entry) => PRIOR_SHARE * Math.log((counts.get(entry) ?? 0) + UNSEEN_COUNT));
  return { subject: toPrior(subjects), object: toPrior(objects) };
}
