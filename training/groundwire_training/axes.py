"""Explainable axes: PCA of the lexicon, each axis named by the human norm that it predicts best; read-outs.

Norms name axes and fit read-outs; they never reach the language model. Nothing of a norm's rows is written.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

Embed = Callable[[list[str]], np.ndarray]
COMPONENTS = 16
EXEMPLARS = 12
# Words seen often enough that everybody knows them make better examples.
EXEMPLAR_POOL = 8_000
LEAST_NAMING_R = 0.15
LEAST_READOUT_WORDS = 200
COLORS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow")


def build_axes(entries: list[str], vectors: np.ndarray, embed: Embed, data: Path | None) -> dict[str, Any]:
    """The content of axes.json. `vectors` [N, D] are the lexicon's raw vectors; `embed` gives those of norms."""
    mean, components, explained = principal_components(vectors, COMPONENTS)
    scores = (vectors - mean) @ components.T
    norms = {} if data is None else read_norms(data / "norms")
    named = name_axes(mean, components, norms, embed)
    axes = [{**named[k], **exemplars(entries, scores[:, k])} for k in range(len(components))]
    return {
        "mean": rounded(mean),
        "components": [rounded(row) for row in components],
        "explainedVariance": rounded(explained),
        "axes": axes,
        "readouts": [] if data is None else build_readouts(data / "norms", norms, embed),
    }


def principal_components(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean [D], components [K, D], explained variance ratios [K]); the largest weight of each is positive."""
    mean = vectors.mean(axis=0)
    centered = (vectors - mean).astype(np.float64)
    values, basis = np.linalg.eigh(centered.T @ centered)
    top = np.argsort(values)[::-1][:count]
    components = basis[:, top].T
    signs = np.sign(components[np.arange(len(top)), np.abs(components).argmax(axis=1)])
    return mean, (components * signs[:, None]).astype(np.float32), values[top] / values.sum()


def name_axes(
    mean: np.ndarray, components: np.ndarray, norms: dict[str, dict[str, float]], embed: Embed
) -> list:
    """For each axis the norm with the largest |r|; "axis k" where none reaches the least."""
    best: list[tuple[str | None, float]] = [(None, 0.0)] * len(components)
    for norm, ratings in norms.items():
        projected = (embed(list(ratings)) - mean) @ components.T
        values = np.fromiter(ratings.values(), float)
        for k in range(len(components)):
            r = float(np.corrcoef(projected[:, k], values)[0, 1])
            if abs(r) > abs(best[k][1]):
                best[k] = (norm, r)
    return [
        {"name": norm, "norm": norm, "r": round(r, 4)}
        if norm is not None and abs(r) >= LEAST_NAMING_R
        else {"name": f"axis {k + 1}", "norm": None, "r": None}
        for k, (norm, r) in enumerate(best)
    ]


def exemplars(entries: list[str], scores: np.ndarray) -> dict[str, list[str]]:
    order = np.argsort(scores[:EXEMPLAR_POOL], kind="stable")
    return {
        "low": [entries[i] for i in order[:EXEMPLARS]],
        "high": [entries[i] for i in order[::-1][:EXEMPLARS]],
    }


def read_norms(folder: Path) -> dict[str, dict[str, float]]:
    """Norms that may name an axis: concreteness, and membership in each of SemCat's categories."""
    norms = {"concreteness": read_concreteness(folder)}
    members = defaultdict(set)
    for row in read_table(folder / "semcat.tsv"):
        members[row["category"]].add(row["word"])
    vocabulary = sorted(set().union(*members.values()))
    for category, words in members.items():
        norms[category.replace("_", " ")] = {word: float(word in words) for word in vocabulary}
    return norms


def read_concreteness(folder: Path) -> dict[str, float]:
    rows = read_table(folder / "concreteness.tsv")
    return {row["word"]: float(row["mean"]) for row in rows if row["is_bigram"] == "0"}


def build_readouts(folder: Path, norms: dict[str, dict[str, float]], embed: Embed) -> list[dict[str, Any]]:
    """Linear read-outs: concreteness (1-5), the share of each CSLB feature type and of each CoDa color (0-1)."""
    norm_sets = ({"concreteness": norms["concreteness"]}, read_feature_types(folder), read_colors(folder))
    return [readout for targets in norm_sets for readout in fit_readouts(targets, embed)]


def fit_readouts(targets: dict[str, dict[str, float]], embed: Embed) -> list[dict[str, Any]]:
    """Ridge regressions on the vectors of the words that all `targets` rate; none where they are too few.

    Each target's strength is chosen inside the training folds; r is over out-of-fold predictions.
    """
    words = list(next(iter(targets.values())))
    if len(words) < LEAST_READOUT_WORDS:
        return []
    vectors = embed(words)
    values = np.array([[ratings[word] for ratings in targets.values()] for word in words])
    ridge = RidgeCV(alphas=np.logspace(-1, 4, 11), alpha_per_target=True)
    predicted = cross_val_predict(ridge, vectors, values, cv=KFold(5, shuffle=True, random_state=0))
    predicted = predicted.reshape(values.shape)  # a single target comes back without its axis
    ridge.fit(vectors, values)
    return [
        {
            "name": name,
            "kind": "regression",
            "weights": rounded(np.atleast_2d(ridge.coef_)[k]),
            "bias": float(np.ravel(ridge.intercept_)[k]),
            "r": round(float(np.corrcoef(predicted[:, k], values[:, k])[0, 1]), 4),
            "n": len(words),
        }
        for k, name in enumerate(targets)
    ]


def read_feature_types(folder: Path) -> dict[str, dict[str, float]]:
    """Of each concept's features the share of every type, weighted by how many people named them."""
    totals: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in read_table(folder / "cslb.tsv"):
        totals[row["concept"].replace("_", " ")][row["feature type"]] += float(row["pf"])
    types = sorted({kind for shares in totals.values() for kind in shares})
    share = {concept: sum(kinds.values()) for concept, kinds in totals.items()}
    return {
        kind: {concept: kinds[kind] / share[concept] for concept, kinds in totals.items()} for kind in types
    }


def read_colors(folder: Path) -> dict[str, dict[str, float]]:
    """Mean share of each color that people gave to an object."""
    shares: dict[str, list[np.ndarray]] = defaultdict(list)
    for line in (folder / "coda_annotations.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        given = np.array([record.get(color, 0) for color in COLORS], float)
        if record["included"] and given.sum() > 0:
            shares[record["display_name"].lower()].append(given / given.sum())
    means = {name: np.mean(rows, axis=0) for name, rows in shares.items()}
    return {
        f"color {color}": {name: float(row[i]) for name, row in means.items()}
        for i, color in enumerate(COLORS)
    }


def read_table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def rounded(values: np.ndarray) -> list[float]:
    """Four significant digits: no rating is known better."""
    return [float(f"{value:.4g}") for value in values]
