"""CSLB property norms: can a concept's features be read off its vector by a linear classifier?

Protocol: features named for at least 5 concepts; per feature a logistic regression with L2, 5-fold
stratified, out-of-fold F1 at probability 1/2. The strength is chosen per feature and fold by 3-fold F1 inside
the training folds (ties: the lower log loss). Reported: median and upper quartile of F1 per feature type.
"""

from __future__ import annotations

import csv
import functools
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import softplus
from tqdm import tqdm

from groundwire_training.embedder import Embedder
from groundwire_training.logistic import fit_logistic, logits

MIN_CONCEPTS = 5
FOLDS, INNER_FOLDS = 5, 3
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)  # of vectors whose mean squared length is 1
# Objectives are sums over hundreds of rows; a closer fit changes which side of 1/2 one label in 500 is on.
FIT_TOLERANCE = 1e-2
TYPES = ("visual perceptual", "other perceptual", "functional", "encyclopaedic", "taxonomic")


@dataclass(frozen=True, kw_only=True, eq=False)
class PropertyNorms:
    concepts: list[str]
    features: list[str]
    types: list[str]  # of each feature, one of TYPES
    named: np.ndarray  # bool [concepts, features]


@functools.cache
def load_cslb(data: Path) -> PropertyNorms:
    with open(data / "norms" / "cslb.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    concepts = sorted({row["concept"] for row in rows})
    named_for: dict[str, set[str]] = defaultdict(set)
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        named_for[row["feature"]].add(row["concept"])
        types[row["feature"]][row["feature type"]] += 1
    features = sorted(feature for feature, holders in named_for.items() if len(holders) >= MIN_CONCEPTS)
    return PropertyNorms(
        # "bat_(animal)" is encoded as "bat (animal)": the sense is part of the concept.
        concepts=[concept.replace("_", " ") for concept in concepts],
        features=features,
        types=[types[feature].most_common(1)[0][0] for feature in features],
        named=np.array([[concept in named_for[feature] for feature in features] for concept in concepts]),
    )


def evaluate_norms(embed: Embedder, norms: PropertyNorms) -> dict[str, dict[str, float]]:
    scores = concept_f1(embed, norms)
    by_type = {kind: scores[np.array(norms.types) == kind] for kind in TYPES}
    return {
        "cslbF1Median": {kind: float(np.median(values)) for kind, values in by_type.items() if len(values)},
        "cslbF1UpperQuartile": {
            kind: float(np.quantile(values, 0.75)) for kind, values in by_type.items() if len(values)
        },
    }


@functools.cache
def concept_f1(embed: Embedder, norms: PropertyNorms) -> np.ndarray:
    """`feature_f1` of one model, computed once: the table and the plot show the same scores."""
    return feature_f1(embed(norms.concepts), norms.named)


def feature_f1(vectors: np.ndarray, named: np.ndarray, seed: int = 0) -> np.ndarray:
    """Out-of-fold F1 [F] of every feature from concept vectors [N, D] and labels bool [N, F]."""
    rows = standardize(vectors)
    targets = torch.from_numpy(named.astype(np.float32))
    outer = stratified_folds(named, FOLDS, seed)
    predicted = torch.zeros_like(targets, dtype=torch.bool)
    for fold in tqdm(range(FOLDS), desc="property norms", unit="fold", mininterval=5):
        held_out = torch.from_numpy(outer == fold)
        scores = select_and_predict(rows, targets, outer, fold, seed)
        predicted = torch.where(held_out, scores > 0, predicted)
    return f1(predicted, targets).numpy()


def select_and_predict(
    rows: torch.Tensor, targets: torch.Tensor, outer: np.ndarray, fold: int, seed: int
) -> torch.Tensor:
    """Logits [N, F] of models trained without `fold`, each at the strength its inner folds preferred."""
    training = outer != fold
    inner = stratified_folds(targets.numpy() > 0, INNER_FOLDS, seed + 1 + fold, among=training)
    used = torch.from_numpy(training.astype(np.float32))
    best = torch.full((targets.shape[1],), -torch.inf)
    chosen = torch.zeros_like(targets)
    inner_weights: torch.Tensor | None = None
    weights: torch.Tensor | None = None
    inner_used = torch.cat([used * torch.from_numpy(inner != k) for k in range(INNER_FOLDS)], 1)
    for strength in STRENGTHS:
        inner_weights = fit_logistic(
            rows, targets.repeat(1, INNER_FOLDS), inner_used, strength, inner_weights, FIT_TOLERANCE
        )
        weights = fit_logistic(rows, targets, used, strength, weights, FIT_TOLERANCE)
        quality = inner_quality(logits(rows, inner_weights), targets, inner, training)
        chosen = torch.where(quality > best, logits(rows, weights), chosen)
        best = torch.maximum(best, quality)
    return chosen


def inner_quality(
    scores: torch.Tensor, targets: torch.Tensor, inner: np.ndarray, training: np.ndarray
) -> torch.Tensor:
    """F1 [F] over the inner held-out rows, less a tie-breaking trace of their log loss."""
    held_out = torch.zeros_like(targets)
    for k, part in enumerate(scores.split(targets.shape[1], 1)):
        held_out = torch.where(torch.from_numpy(inner == k), part, held_out)
    inside = torch.from_numpy(training)
    loss = (softplus(held_out) - targets * held_out) * inside
    mean_loss = loss.sum(0) / inside.sum(0)
    return f1((held_out > 0) & inside, targets * inside) - 1e-4 * mean_loss.clamp(max=1)


def stratified_folds(named: np.ndarray, folds: int, seed: int, among: np.ndarray | None = None) -> np.ndarray:
    """Fold number [N, F] of every row: positives and negatives are dealt out evenly, per feature.

    Rows that `among` (bool [N, F]) leaves out get -1.
    """
    random = np.random.default_rng(seed)
    order = random.permuted(np.tile(np.arange(named.shape[0])[:, None], named.shape[1]), axis=0)
    # Sorting by (left out, negative, random) deals positives first, then negatives, without a break.
    left_out = np.zeros_like(named) if among is None else ~among
    rank = np.argsort(np.argsort(order + named.shape[0] * (~named + 2 * left_out), axis=0), axis=0)
    return np.where(left_out, -1, rank % folds)


def standardize(vectors: np.ndarray) -> torch.Tensor:
    """Centers and divides by one scalar, so that a strength means the same for every model."""
    centered = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    return torch.from_numpy((centered / np.sqrt((centered**2).sum(1).mean())).astype(np.float32))


def f1(predicted: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """F1 [F] of bool predictions [N, F]; 0 where nothing right was predicted."""
    hits = (predicted * targets).sum(0)
    return 2 * hits / (predicted.sum(0) + targets.sum(0)).clamp_min(1)
