"""CoDa: do the vectors know what color things are?

Protocol, zero-shot: an object's score for a color is the cosine between the object's phrase and the same
phrase with the color in front ("banana", "yellow banana"). Nothing is trained or tuned. Reported: how often
the best-scored of the 11 colors is the one people named most, and the mean Spearman correlation of the scores
with people's distribution.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from groundwire_training.embedder import Embedder
from groundwire_training.metrics_similarity import normalize

COLORS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow")


@dataclass(frozen=True, kw_only=True)
class ObjectColors:
    objects: list[str]
    shares: np.ndarray  # [N, 11], rows sum to 1: people's mean share of each color


def load_coda(data: Path) -> ObjectColors:
    """Objects with at least one included annotation; each annotator's ratings count as one vote."""
    votes: dict[str, list[np.ndarray]] = defaultdict(list)
    for row in read_lines(data / "norms" / "coda_annotations.jsonl"):
        ratings = np.array([row.get(color, 0) for color in COLORS], dtype=np.float64)
        if row["included"] and ratings.sum() > 0:
            votes[row["class_id"]].append(ratings / ratings.sum())
    objects = [row for row in read_lines(data / "norms" / "coda_objects.jsonl") if votes[row["class_id"]]]
    return ObjectColors(
        objects=[row["object_s"] or row["object_pl"] for row in objects],
        shares=np.array([np.mean(votes[row["class_id"]], axis=0) for row in objects]),
    )


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def evaluate_colors(embed: Embedder, norms: ObjectColors) -> dict[str, float]:
    scores = color_scores(embed, norms.objects)
    correlations = [spearmanr(a, b).statistic for a, b in zip(scores, norms.shares, strict=True)]
    return {"codaTop1": top1(scores, norms.shares), "codaSpearman": float(np.nanmean(correlations))}


def color_scores(embed: Embedder, objects: list[str]) -> np.ndarray:
    """Cosine of each object with each colored version of itself, [N, 11]."""
    colored = normalize(embed([f"{color} {name}" for name in objects for color in COLORS]))
    plain = normalize(embed(objects))
    return np.einsum("nd,ncd->nc", plain, colored.reshape(len(objects), len(COLORS), -1))


def top1(scores: np.ndarray, shares: np.ndarray) -> float:
    """Share of objects whose best-scored color is (one of) people's most named."""
    best = scores.argmax(1)
    return float((shares[np.arange(len(shares)), best] >= shares.max(1)).mean())
