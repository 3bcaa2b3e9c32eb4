"""Concreteness on the first principal axis of SemCat's vectors (paper section 4.1).

Protocol: embed all entries (a word counts once per category that lists it), PCA on all of them, absolute
Pearson correlation of the first component's score with the human rating over the rated entries; the same
scores averaged per category against the mean rating of the category.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundwire_training.embedder import Embedder


@dataclass(frozen=True, kw_only=True)
class SemCat:
    words: list[str]
    categories: list[str]
    ratings: np.ndarray  # float64 [N], 1 (abstract) to 5 (concrete), NaN where nobody rated the word


def load_semcat(data: Path) -> SemCat:
    with open(data / "norms" / "semcat.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return SemCat(
        words=[row["word"].replace("_", " ") for row in rows],
        categories=[row["category"] for row in rows],
        ratings=np.array([float(row["concreteness"] or "nan") for row in rows]),
    )


def evaluate_concreteness(embed: Embedder, semcat: SemCat) -> dict[str, float]:
    scores = first_component(embed(semcat.words))
    by_score, by_rating, _ = category_means(scores, semcat)
    rated = ~np.isnan(semcat.ratings)
    return {
        "concretenessWord": abs(pearson(scores[rated], semcat.ratings[rated])),
        "concretenessCategory": abs(pearson(by_score, by_rating)),
    }


def first_component(vectors: np.ndarray) -> np.ndarray:
    """Scores [N] of the rows [N, D] on their axis of largest variance; the sign is arbitrary."""
    centered = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, axes = np.linalg.eigh(centered.T @ centered)
    return centered @ axes[:, -1]


def category_means(scores: np.ndarray, semcat: SemCat) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Mean score over all entries and mean rating over the rated ones, per category with a rating."""
    names = sorted(set(semcat.categories))
    labels = np.array(semcat.categories)
    members = [labels == name for name in names]
    rated = [inside & ~np.isnan(semcat.ratings) for inside in members]
    kept = [i for i, inside in enumerate(rated) if inside.any()]
    by_score = np.array([scores[members[i]].mean() for i in kept])
    by_rating = np.array([semcat.ratings[rated[i]].mean() for i in kept])
    return by_score, by_rating, [names[i] for i in kept]


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])
