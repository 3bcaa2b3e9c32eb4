"""How much a name's frequency should count when the missing end of a triple is sought in the lexicon.

    python -m groundwire_training.completion --data DATA --bundle models/NAME

For the triples of FACTUAL's development split whose names are in the lexicon it prints the rank of the true
object given (subject, predicate), and of the true subject given (predicate, object), for shares of
`ln(count + 0.1)` added to the bilinear score; counts are those of `triples.tsv.gz`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from .embedder import onnx_session
from .lexicon import read_lexicon
from .predicates import alias_index, canonical_predicate
from .relations import read_predicates
from .relations_onnx import read_operators
from .scene_graph import load_factual
from .triple_counts import TRIPLES, plain, read_triple_counts
from .triples import relation_counts

SHARES = (0.0, 0.3, 0.6, 1.0)
UNSEEN_COUNT = 0.1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle of stage relational")
    args = parser.parse_args(argv)
    graphs, _ = load_factual(args.data / "relations" / "factual" / "dev.csv")
    print("| share | object: median rank | MRR | subject: median rank | MRR |\n|---|---|---|---|---|")
    for share, (objects, subjects) in measure(args.bundle, relation_counts(graphs)).items():
        cells = [f"{np.median(ranks):.0f} | {np.mean(1 / ranks):.3f}" for ranks in (objects, subjects)]
        print(f"| {share} | {' | '.join(cells)} |")
    return 0


def measure(bundle: Path, triples: Counter) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """Share -> 1-based ranks of the true objects, and of the true subjects."""
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
    as_subject, as_object = log_counts(bundle, position)
    return {
        share: (
            rank_true(object_scores + share * as_object, objects),
            rank_true(subject_scores + share * as_subject, subjects),
        )
        for share in SHARES
    }


def log_counts(bundle: Path, position: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """ln(count + 0.1) of every entry as a subject and as an object of the training triples, [N] each."""
    counts = np.full((2, len(position)), UNSEEN_COUNT)
    for (subject, _, object_), count in read_triple_counts(bundle / TRIPLES).items():
        for row, name in enumerate((subject, object_)):
            if name in position:
                counts[row, position[name]] += count
    as_subject, as_object = np.log(counts)
    return as_subject, as_object


def rank_true(scores_mn: np.ndarray, true_m: np.ndarray) -> np.ndarray:
    """1-based ranks; an entry that ties with the true one counts as ranked before it."""
    return (scores_mn >= scores_mn[np.arange(len(true_m)), true_m][:, None]).sum(1)


if __name__ == "__main__":
    raise SystemExit(main())
