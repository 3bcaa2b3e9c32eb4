import { plain } from "./predicates.js";

/**
 * How much an entry's frequency at its end of the training triples counts, the count of an entry never seen there, and how
 * much the very triple's count does. A score alone ranks every exotic name that fits before the plain one, and what fits
 * before what is known. Chosen on FACTUAL's development split by `python -m groundwire_training.completion`.
 */
const PRIOR_SHARE = 0.6;
const UNSEEN_COUNT = 0.1;
const SEEN_SHARE = 0.6;

type End = "subject" | "object";

/** A triple of which one end is missing. */
export interface OpenTriple {
  missing: End;
  predicate: number;
  /** The end that is known. */
  name: string;
}

/** What the training triples say for each entry of the lexicon where it stands at the missing end of a triple. */
export interface Evidence {
  /**
   * Adds `PRIOR_SHARE x ln(count at that end)` and `SEEN_SHARE x ln(1 + count of the triple)`.
   * @param scores [N], of the lexicon's entries
   */
  addTo(scores: Float32Array, triple: OpenTriple): void;
}

interface Count {
  entry: number;
  count: number;
}

/** @param seen "subject TAB object" -> "predicate:count ..." */
export function createEvidence(seen: ReadonlyMap<string, string>, entries: readonly string[]): Evidence {
  const position = new Map(entries.map((entry, i) => [entry, i]));
  const subject = createTally(position);
  const object = createTally(position);
  for (const [pair, cells] of seen) {
    const [subjectName, objectName] = pair.split("\t") as [string, string];
    for (const cell of cells.split(" ")) {
      const [predicate, count] = cell.split(":").map(Number) as [number, number];
      subject.add(subjectName, openKey(objectName, predicate), count);
      object.add(objectName, openKey(subjectName, predicate), count);
    }
  }
  const ends = { subject: subject.close(), object: object.close() };

  return {
    addTo(scores, { missing, predicate, name }) {
      const { priors, triples } = ends[missing];
      for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) + (priors[i] as number);
      for (const { entry, count } of triples.get(openKey(plain(name), predicate)) ?? [])
        scores[entry] = (scores[entry] as number) + SEEN_SHARE * Math.log1p(count);
    },
  };
}

/** Counts of one end: of each entry, and of each entry beside what a triple with that end missing still holds. */
function createTally(position: ReadonlyMap<string, number>) {
  const totals = new Float32Array(position.size).fill(UNSEEN_COUNT);
  const triples = new Map<string, Count[]>();
  return {
    add(name: string, open: string, count: number): void {
      const entry = position.get(name);
      if (entry === undefined) return;
      totals[entry] = (totals[entry] as number) + count;
      const counts = triples.get(open);
      if (counts) counts.push({ entry, count });
      else triples.set(open, [{ entry, count }]);
    },
    close: () => ({ priors: totals.map((total) => PRIOR_SHARE * Math.log(total)), triples }),
  };
}

function openKey(name: string, predicate: number): string {
  return `${name}\t${predicate}`;
}
