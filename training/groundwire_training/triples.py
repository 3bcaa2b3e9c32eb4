"""Relation triples with counts: the text-only training data of the relation head and its test splits."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .predicates import canonical_predicate
from .records import RecordLog
from .scene_graph import CaptionGraph, load_factual

Triple = tuple[str, str, str]
FACTUAL_MIN_COUNT = 5  # predicates with fewer training tokens are left out of the test (model.md, section 4)
COLUMNS = ["subject", "predicate", "object", "count"]


@dataclass(frozen=True)
class TripleSplits:
    """Token counts by triple, predicates as the source writes them."""

    factual_train: Counter[Triple]
    factual_dev: Counter[Triple]
    factual_test: Counter[Triple]
    vg150_train: Counter[Triple]
    vg150_test: Counter[Triple]
    vg150_zero_shot: Counter[Triple]
    logs: tuple[RecordLog, ...]

    def factual_predicates(self) -> set[str]:
        counts: Counter[str] = Counter()
        for (_, predicate, _), count in self.factual_train.items():
            counts[predicate] += count
        return {predicate for predicate, count in counts.items() if count >= FACTUAL_MIN_COUNT}


def load_splits(data: Path) -> TripleSplits:
    """Reads `relations/factual/*.csv` and `relations/vg150/*.tsv` below the data folder."""
    logs: list[RecordLog] = []

    def factual(split: str) -> Counter[Triple]:
        graphs, log = load_factual(data / "relations" / "factual" / f"{split}.csv")
        logs.append(log)
        return relation_counts(graphs)

    def vg150(split: str) -> Counter[Triple]:
        counts, log = load_triples_tsv(data / "relations" / "vg150" / f"{split}.tsv")
        logs.append(log)
        return counts

    return TripleSplits(
        factual_train=factual("train"),
        factual_dev=factual("dev"),
        factual_test=factual("test"),
        vg150_train=vg150("train"),
        vg150_test=vg150("test"),
        vg150_zero_shot=vg150("test_zero_shot"),
        logs=tuple(logs),
    )


def relation_counts(graphs: Iterable[CaptionGraph]) -> Counter[Triple]:
    """Tokens of each relation, attributes left out."""
    counts: Counter[Triple] = Counter()
    for item in graphs:
        names = item.graph.objects
        counts.update((names[s], predicate, names[o]) for s, predicate, o in item.graph.relations)
    return counts


def load_triples_tsv(path: Path) -> tuple[Counter[Triple], RecordLog]:
    """TSV with the header `subject predicate object count`."""
    log = RecordLog(path=path)
    counts: Counter[Triple] = Counter()
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(rows, None)
        if header != COLUMNS:
            raise ValueError(f"{path}: the header must be {COLUMNS}, got {header}")
        for line, row in enumerate(rows, start=2):
            if len(row) != 4 or not all(field.strip() for field in row):
                log.skip(f"line {line}", f"must have 4 fields, got {row}")
            elif not row[3].isdigit() or int(row[3]) < 1:
                log.skip(f"line {line}", f"count must be a whole number of at least 1, got {row[3]!r}")
            else:
                log.good()
                counts[row[0], row[1], row[2]] += int(row[3])
    log.check()
    return counts, log


def canonical_counts(counts: Counter[Triple]) -> Counter[Triple]:
    """Tokens after the predicates' surface variants are merged."""
    merged: Counter[Triple] = Counter()
    for (subject, predicate, object_), count in counts.items():
        merged[subject, canonical_predicate(predicate), object_] += count
    return merged


def unseen_triples(splits: TripleSplits) -> set[Triple]:
    """What FACTUAL's development and test splits and VG150's zero-shot test hold and training must not, predicates
    canonical."""
    held_out = [triple for counts in (splits.factual_dev, splits.factual_test) for triple in counts]
    unseen = [triple for triple in held_out if triple not in splits.factual_train]
    return {
        (subject, canonical_predicate(predicate), object_)
        for subject, predicate, object_ in (*unseen, *splits.vg150_zero_shot)
    }


def without(counts: Counter[Triple], held_out: Iterable[Triple]) -> Counter[Triple]:
    """Training tokens without held-out triples: an "unseen" test triple must be unseen in every source."""
    banned = {(subject, canonical_predicate(predicate), object_) for subject, predicate, object_ in held_out}
    return Counter(
        {
            (s, predicate, o): count
            for (s, predicate, o), count in counts.items()
            if (s, canonical_predicate(predicate), o) not in banned
        }
    )
