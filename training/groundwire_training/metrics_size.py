"""VerbPhysics: which of two things is bigger, read off their vectors by a linear probe.

Protocol: pairs whose majority answer is "first bigger" (1) or "second bigger" (-1); "same" (0) and
"undefined" (-42) are left out. Input is the difference of the two vectors, no intercept, both orders in
training, so the probe cannot prefer a side. Strength is chosen on dev, accuracy is on test.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from groundwire_training.embedder import Embedder

STRENGTHS = tuple(10.0**exponent for exponent in range(-4, 3))


@dataclass(frozen=True, kw_only=True)
class SizePairs:
    first: list[str]
    second: list[str]
    bigger: np.ndarray  # int [N], 1 where the first is bigger, -1 where the second is


def load_size_pairs(data: Path, split: str) -> SizePairs:
    with open(data / "norms" / "verbphysics" / f"{split}.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["size-maj"] in ("1", "-1")]
    return SizePairs(
        first=[row["obj1"] for row in rows],
        second=[row["obj2"] for row in rows],
        bigger=np.array([int(row["size-maj"]) for row in rows]),
    )


def evaluate_size(embed: Embedder, train: SizePairs, dev: SizePairs, test: SizePairs) -> float:
    differences = [embed(pairs.first) - embed(pairs.second) for pairs in (train, dev, test)]
    # One scalar for all, so that a strength means the same for models whose vectors differ in length.
    scale = np.sqrt((differences[0] ** 2).sum(1).mean())
    x_train, x_dev, x_test = (difference / scale for difference in differences)
    probes = [fit_probe(x_train, train.bigger, strength) for strength in STRENGTHS]
    best = max(probes, key=lambda probe: probe.score(x_dev, dev.bigger))
    return float(best.score(x_test, test.bigger))


def fit_probe(differences: np.ndarray, bigger: np.ndarray, strength: float) -> LogisticRegression:
    both_orders = np.concatenate([differences, -differences])
    probe = LogisticRegression(C=strength, fit_intercept=False, max_iter=2000)
    return probe.fit(both_orders, np.concatenate([bigger, -bigger]))
