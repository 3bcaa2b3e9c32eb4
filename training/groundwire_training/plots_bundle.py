"""Plots of a bundle's own files: which relations are taken for which, and what a caption finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from .embedder import Embedder
from .metrics_similarity import normalize
from .photo_search import CaptionedPhotos, can_search, embed_test, load_test, read_pixels
from .plots import plot_confusion, plot_retrieval, save
from .predicates import alias_index
from .relation_metrics import Scorer
from .relation_source import RelationSource, from_bundle
from .triples import Triple, load_splits

CONFUSED = 25  # most frequent predicates of the test
EXAMPLES = 6  # captions
FOUND = 5  # photos a caption


def write_bundle_plots(out: Path, bundle: Path, embed: Embedder, data: Path, cache: Path) -> list[Path]:
    """`relations.png` and `retrieval.png`, as far as the bundle has the graphs for them."""
    written = []
    source = from_bundle(bundle, embed)
    if source is not None:
        names, counts = confusion(source, load_splits(data).factual_test)
        written.append(save(plot_confusion(counts, names), out / "relations.png"))
    if can_search(bundle):
        queries, found = search_examples(*embed_test(bundle, load_test(data), cache))
        written.append(save(plot_retrieval(queries, found), out / "retrieval.png"))
    return written


def confusion(source: RelationSource, test: Counter[Triple]) -> tuple[list[str], np.ndarray]:
    """Tokens [true, predicted] of the test's most frequent predicates, each ranked among these alone."""
    index = alias_index(source.predicates)
    totals: Counter[int] = Counter()
    for (_, predicate, _), count in test.items():
        if predicate in index:
            totals[index[predicate]] += count
    kept = [column for column, _ in totals.most_common(CONFUSED)]
    triples = [(s, kept.index(index[p]), o, n) for (s, p, o), n in test.items() if index.get(p) in kept]
    names = sorted({name for s, _, o, _ in triples for name in (s, o)})
    scorer = Scorer(
        {name: i for i, name in enumerate(names)}, source.imagine(names), source.operators, source.bias
    )
    predicted = scorer([(s, o) for s, _, o, _ in triples])[:, kept].argmax(1)
    counts = np.zeros((len(kept), len(kept)))
    for (_, true, _, tokens), guess in zip(triples, predicted, strict=True):
        counts[true, guess] += tokens
    return [source.predicates[column].name for column in kept], counts


def search_examples(
    photos: CaptionedPhotos, images: np.ndarray, captions: np.ndarray
) -> tuple[list[str], list[list[np.ndarray]]]:
    """Captions at even distances, so that nobody picks them, each with its best photos as pixels."""
    each = len(photos.captions) // len(photos.files)
    chosen = np.linspace(0, len(photos.files) - 1, min(EXAMPLES, len(photos.files))).astype(int)
    scores = normalize(captions[chosen * each]) @ normalize(images).T
    best = np.argsort(-scores, axis=1)[:, :FOUND]
    pixels = read_pixels(photos, {photos.files[i] for i in best.flat})
    found = [[pixels[photos.files[i]] for i in row] for row in best]
    queries = [
        f"{photos.captions[photo * each]} [own photo at {place(row, photo)}]"
        for photo, row in zip(chosen, scores, strict=True)
    ]
    return queries, found


def place(scores: np.ndarray, photo: int) -> int:
    """Rank from 1."""
    return int((scores >= scores[photo]).sum())
