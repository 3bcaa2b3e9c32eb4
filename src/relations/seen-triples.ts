import type { RelationsFile } from "../bundle/relations-file.js";
import { plain } from "./predicates.js";

/** Counts by predicate index; a predicate that is not in it was never seen with this pair. */
export type SeenTriples = (subject: string, object: string) => ReadonlyMap<number, number>;

/** Names are compared as training wrote them: lower case and singular ("dogs" is not "dog"). */
export function createSeenTriples({ seen }: Pick<RelationsFile, "seen">): SeenTriples {
  return (subject, object) => {
    const cells = seen.get(`${plain(subject)}\t${plain(object)}`)?.split(" ") ?? [];
    return new Map(cells.map((cell) => cell.split(":").map(Number) as [number, number]));
  };
}
