"""The plots of an evaluation, as PNG files. Drawn off screen: no display is needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from groundwire_training.embedder import Embedder
from groundwire_training.metrics_concreteness import (
    SemCat,
    category_means,
    first_component,
    load_semcat,
    pearson,
)
from groundwire_training.metrics_norms import TYPES, PropertyNorms, concept_f1, load_cslb
from groundwire_training.metrics_silhouette import category_silhouettes

DPI = 130


def write_plots(out: Path, embedders: Mapping[str, Embedder], data: Path) -> list[Path]:
    """Concreteness, silhouettes and feature F1 of all given models; returns the files written."""
    out.mkdir(parents=True, exist_ok=True)
    semcat, norms = load_semcat(data), load_cslb(data)
    figures = {
        "concreteness.png": plot_concreteness(embedders, semcat),
        "silhouettes.png": plot_silhouettes(embedders, semcat),
        "property-norms.png": plot_norms(embedders, norms),
    }
    return [save(figure, out / name) for name, figure in figures.items()]


def plot_concreteness(embedders: Mapping[str, Embedder], semcat: SemCat) -> Figure:
    """Mean first-component score against mean rating, one named point a category, one panel a model."""
    figure, panels = plt.subplots(1, len(embedders), figsize=(7 * len(embedders), 6.5), squeeze=False)
    for panel, (name, embed) in zip(panels[0], embedders.items(), strict=True):
        by_score, by_rating, categories = category_means(first_component(embed(semcat.words)), semcat)
        r = pearson(by_score, by_rating)
        # The sign of a principal axis is arbitrary: concrete is drawn to the right.
        by_score = by_score * np.sign(r)
        panel.scatter(by_score, by_rating, s=14, color="tab:blue")
        for x, y, category in zip(by_score, by_rating, categories, strict=True):
            panel.annotate(category.replace("_", " "), (x, y), fontsize=6, alpha=0.8)
        panel.set(
            title=f"{name}: r = {abs(r):.3f}", xlabel="first principal axis", ylabel="mean concreteness"
        )
    return figure


def plot_silhouettes(embedders: Mapping[str, Embedder], semcat: SemCat) -> Figure:
    """Cosine silhouettes of the categories, sorted, one line a model; the median in the legend."""
    figure, panel = plt.subplots(figsize=(8, 5))
    for name, embed in embedders.items():
        values = sorted(category_silhouettes(embed(semcat.words), semcat.categories, "cosine").values())
        panel.plot(values, label=f"{name}: median {np.median(values):.3f}")
    panel.axhline(0, color="gray", linewidth=0.5)
    panel.set(xlabel="category, by silhouette", ylabel="mean cosine silhouette")
    panel.legend()
    return figure


def plot_norms(embedders: Mapping[str, Embedder], norms: PropertyNorms) -> Figure:
    """Boxes of out-of-fold F1 by feature type, one panel a model."""
    figure, panels = plt.subplots(1, len(embedders), figsize=(6 * len(embedders), 5), squeeze=False)
    for panel, (name, embed) in zip(panels[0], embedders.items(), strict=True):
        scores = concept_f1(embed, norms)
        present = [kind for kind in TYPES if kind in norms.types]
        panel.boxplot([scores[np.array(norms.types) == kind] for kind in present], tick_labels=present)
        panel.tick_params(axis="x", rotation=20)
        panel.set(title=name, ylabel="F1", ylim=(-0.02, 1.02))
    return figure


def plot_confusion(counts: np.ndarray, predicates: Sequence[str]) -> Figure:
    """Relation confusion, counts [true, predicted], each row shown as shares of its true predicate."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, panel = plt.subplots(figsize=(9, 8))
    figure.colorbar(panel.imshow(shares, vmin=0, vmax=1, cmap="Blues"), label="share of true predicate")
    panel.set_xticks(range(len(predicates)), predicates, rotation=90, fontsize=7)
    panel.set_yticks(range(len(predicates)), predicates, fontsize=7)
    panel.set(xlabel="predicted", ylabel="true")
    return figure


def plot_retrieval(queries: Sequence[str], found: Sequence[Sequence[np.ndarray]]) -> Figure:
    """One row a caption: its best photos, each uint8 [H, W, 3], best first."""
    depth = max(len(photos) for photos in found)
    figure, panels = plt.subplots(
        len(queries), depth, figsize=(2.2 * depth, 2.5 * len(queries)), squeeze=False
    )
    for row, query, photos in zip(panels, queries, found, strict=True):
        # A caption may be wider than its first photo, and must not narrow it.
        title = row[0].text(0, 1.04, query, fontsize=8, transform=row[0].transAxes)
        title.set_in_layout(False)
        for panel in row:
            panel.set_axis_off()
        for panel, photo in zip(row, photos, strict=False):
            panel.imshow(photo)
    return figure


def save(figure: Figure, path: Path) -> Path:
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI)
    plt.close(figure)
    # A palette: a third of the size, so that a README can carry it.
    Image.open(drawn).convert("RGB").quantize(256).save(path, optimize=True)
    return path
