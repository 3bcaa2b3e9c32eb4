"""How well SemCat's categories separate: silhouettes, mean per category, median over categories.

The headline is the cosine silhouette; the Euclidean one is printed beside it. An entry is a word in a
category, so a word that several categories list is at distance 0 from itself elsewhere and pulls both down.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import silhouette_samples

from groundwire_training.embedder import Embedder
from groundwire_training.metrics_concreteness import SemCat


def evaluate_silhouettes(embed: Embedder, semcat: SemCat) -> dict[str, float]:
    vectors = embed(semcat.words)
    cosine = category_silhouettes(vectors, semcat.categories, "cosine")
    euclidean = category_silhouettes(vectors, semcat.categories, "euclidean")
    return {
        "silhouetteMedian": float(np.median(list(cosine.values()))),
        "silhouetteMedianEuclidean": float(np.median(list(euclidean.values()))),
    }


def category_silhouettes(vectors: np.ndarray, categories: list[str], metric: str) -> dict[str, float]:
    """Mean silhouette (-1 to 1) of each category's entries; `metric` is cosine or euclidean."""
    labels = np.array(categories)
    samples = silhouette_samples(vectors, labels, metric=metric)
    return {name: float(samples[labels == name].mean()) for name in sorted(set(categories))}
