"""How often every triple was seen in training: `triples.tsv.gz` of a bundle.

One line a pair of names, sorted: `subject TAB object TAB predicate:count ...`, predicates by their index in
`predicates.json`. Exact, not hashed: a caller who is told "seen 3 times" can rely on it.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from .predicates import Predicate, alias_index, canonical_predicate
from .relation_training import training_triples
from .scene_graph import SceneGraph
from .triples import Triple, TripleSplits, canonical_counts, unseen_triples

TRIPLES = "triples.tsv.gz"
MAX_BYTES = 400_000
# (subject, index of the predicate, object) -> tokens
IndexedCounts = Counter[tuple[str, int, str]]


def count_seen(
    splits: TripleSplits, predicates: Sequence[Predicate], photos: Iterable[SceneGraph] = ()
) -> IndexedCounts:
    """Tokens of all training sources: the text-only triples that stage 3 reads, and the photos' graphs.

    Surface variants of a predicate are one; triples outside the vocabulary are left out, as in training.
    """
    counts: Counter[Triple] = Counter()
    for source in training_triples(splits):
        counts.update(canonical_counts(source))
    unseen = unseen_triples(splits)
    for graph in photos:
        names = graph.objects
        said = ((names[s], canonical_predicate(p), names[o]) for s, p, o in graph.relations)
        counts.update(triple for triple in said if triple not in unseen)
    index = alias_index(list(predicates))
    seen: IndexedCounts = Counter()
    for (subject, predicate, object_), count in counts.items():
        if predicate in index:
            seen[plain(subject), index[predicate], plain(object_)] += count
    return seen


def write_triple_counts(counts: IndexedCounts, path: Path) -> None:
    """Raises ValueError where the file would exceed its share of a bundle."""
    ordered = sorted(((s, o, p), count) for (s, p, o), count in counts.items())
    lines = []
    for (subject, object_), found in groupby(ordered, key=lambda item: item[0][:2]):
        cells = " ".join(f"{predicate}:{count}" for (_, _, predicate), count in found)
        lines.append(f"{subject}\t{object_}\t{cells}\n")
    # Without a time stamp equal counts give equal bytes, so that the manifest's hash is reproducible.
    content = gzip.compress("".join(lines).encode(), mtime=0)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path.name} must have at most {MAX_BYTES} bytes, has {len(content)}")
    path.write_bytes(content)


def read_triple_counts(path: Path) -> IndexedCounts:
    counts: IndexedCounts = Counter()
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        subject, object_, cells = line.split("\t")
        for cell in cells.split(" "):
            predicate, count = cell.split(":")
            counts[subject, int(predicate), object_] = int(count)
    return counts


def plain(name: str) -> str:
    """A name as the gateway looks it up: lower case, single spaces."""
    return " ".join(name.lower().split())
