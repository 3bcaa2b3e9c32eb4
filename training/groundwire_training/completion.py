"""How much frequencies and known triples should count when the missing end of a triple is sought in the lexicon.

    python -m groundwire_training.completion --data DATA --bundle models/NAME

For the triples of FACTUAL's development split whose names are in the lexicon it prints the rank of the true
object given (subject, predicate), and of the true subject given (predicate, object), of all and of those never
seen in training. To the bilinear score it adds shares of `ln(count at that end + 0.1)`, and of
`ln(1 + count of the triple)`; counts are those of `triples.tsv.gz`. The gateway's shares are in
`src/relations/evidence.ts`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .embedder import onnx_session
from .lexicon import read_lexicon
from .predicates import alias_index, canonical_predicate
from .relations import read_predicates
from .relations_onnx import read_operators
from .scene_graph import load_factual
from .triple_counts import TRIPLES, IndexedCounts, plain, read_triple_counts
from .triples import relation_counts

# shares of the entry's frequency, and of the triple's count
SHARES = ((0.0, 0.0), (0.3, 0.0), (0.6, 0.0), (1.0, 0.0), (0.6, 0.3), (0.6, 0.6), (0.6, 1.0))
UNSEEN_COUNT = 0.1


@dataclass(frozen=True)
class Ranks:
    """Of one end: 1-based ranks of the true entries, and whether training saw their triples."""

    ranks_m: np.ndarray
    seen_m: np.ndarray

    def cells(self) -> str:
        reciprocal_m = 1 / self.ranks_m
        unseen = reciprocal_m[~self.seen_m].mean()
        return f"{np.median(self.ranks_m):.0f} | {reciprocal_m.mean():.3f} | {unseen:.3f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle of stage relational")
    args = parser.parse_args(argv)
    graphs, _ = load_factual(args.data / "relations" / "factual" / "dev.csv")
    ends = " | ".join(f"{end}: median rank | MRR | MRR, unseen" for end in ("object", "subject"))
    print(f"| frequency | triple | {ends} |\n|{'---|' * 8}")
    for (frequency, triple), found in measure(args.bundle, relation_counts(graphs)).items():
        print(f"| {frequency} | {triple} | {' | '.join(ranks.cells() for ranks in found)} |")
    return 0


def measure(bundle: Path, triples: Counter) -> dict[tuple[float, float], tuple[Ranks, Ranks]]:
    """Shares -> ranks of the true objects, and of the true subjects."""
    entries, vectors = read_lexicon(bundle)
    (imagined_nr,) = onnx_session(bundle, "relations.onnx").run(["imagined"], {"objects": vectors})
    predicates = read_predicates(bundle / "predicates.json")
    operators, _ = read_operators(bundle / "relations.bin", len(predicates), imagined_nr.shape[1])
    position, index = {entry: i for i, entry in enumerate(entries)}, alias_index(predicates)
    known = [
        (position[plain(s)], index[canonical_predicate(p)], position[plain(o)])
        for s, p, o in triples
        if plain(s) in position and plain(o) in position and canonical_predicate(p) in index
    ]
    subjects, relations, objects = np.array(known).T
    wanted_mr = np.einsum("mi,mij->mj", imagined_nr[subjects], operators[relations])
    object_scores = wanted_mr @ imagined_nr.T
    wanted_mr = np.einsum("mij,mj->mi", operators[relations], imagined_nr[objects])
    subject_scores = wanted_mr @ imagined_nr.T
    counts = read_triple_counts(bundle / TRIPLES)
    as_subject, as_object = log_counts(counts, position)
    of_subject, of_object = log_triples(counts, position, known)
    seen_m = of_object[np.arange(len(known)), objects] > 0
    return {
        (share, seen): (
            Ranks(rank_true(object_scores + share * as_object + seen * of_object, objects), seen_m),
            Ranks(rank_true(subject_scores + share * as_subject + seen * of_subject, subjects), seen_m),
        )
        for share, seen in SHARES
    }


def log_counts(counts: IndexedCounts, position: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """ln(count + 0.1) of every entry as a subject and as an object of the training triples, [N] each."""
    totals = np.full((2, len(position)), UNSEEN_COUNT)
    for (subject, _, object_), count in counts.items():
        for row, name in enumerate((subject, object_)):
            if name in position:
                totals[row, position[name]] += count
    as_subject, as_object = np.log(totals)
    return as_subject, as_object


def log_triples(
    counts: IndexedCounts, position: dict[str, int], known: list[tuple[int, int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """ln(1 + count) of the triples that every entry makes as the subject, and as the object, of those known, [M, N]."""
    found = np.zeros((2, len(known), len(position)), dtype=np.float32)
    rows: dict[tuple[str, int, int], list[int]] = {}
    for row, (subject, predicate, object_) in enumerate(known):
        rows.setdefault(("subject", predicate, object_), []).append(row)
        rows.setdefault(("object", predicate, subject), []).append(row)
    for (subject_name, predicate, object_name), count in counts.items():
        if subject_name in position and object_name in position:
            subject, object_ = position[subject_name], position[object_name]
            found[0, rows.get(("subject", predicate, object_), []), subject] = np.log1p(count)
            found[1, rows.get(("object", predicate, subject), []), object_] = np.log1p(count)
    return found[0], found[1]


def rank_true(scores_mn: np.ndarray, true_m: np.ndarray) -> np.ndarray:
    """1-based ranks; an entry that ties with the true one counts as ranked before it."""
    return (scores_mn >= scores_mn[np.arange(len(true_m)), true_m][:, None]).sum(1)


if __name__ == "__main__":
    raise SystemExit(main())
