"""Is the language kept? Spearman correlation of cosine with human judgments: SimLex-999 and BiRD."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from groundwire_training.embedder import Embedder


@dataclass(frozen=True, kw_only=True)
class RatedPairs:
    left: list[str]
    right: list[str]
    ratings: np.ndarray  # [N], any monotone scale: only ranks count


def load_simlex(data: Path) -> RatedPairs:
    return load_pairs(data / "norms" / "simlex999.tsv", "word1", "word2", "SimLex999")


def load_bird(data: Path) -> RatedPairs:
    return load_pairs(data / "norms" / "bird.tsv", "term1", "term2", "relatedness score")


def load_pairs(path: Path, left: str, right: str, rating: str) -> RatedPairs:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return RatedPairs(
        left=[row[left] for row in rows],
        right=[row[right] for row in rows],
        ratings=np.array([float(row[rating]) for row in rows]),
    )


def evaluate_pairs(embed: Embedder, pairs: RatedPairs) -> float:
    vectors = embed(pairs.left + pairs.right)
    n = len(pairs.left)
    return float(spearmanr(cosines(vectors[:n], vectors[n:]), pairs.ratings).statistic)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row-wise cosine of [N, D] and [N, D]."""
    return (normalize(a) * normalize(b)).sum(-1)


def normalize(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
