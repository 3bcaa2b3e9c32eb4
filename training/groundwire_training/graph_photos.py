"""The photos of stage 3, captioned ones or Visual Genome's: their graphs, as `prepare` wrote them, and their grids."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from .features import FeatureCache, Recipe, cache_photos, cache_splits
from .images import iterate_photos
from .prepare import VISUAL_GENOME, graphs_source, read_photos
from .records import RecordLog
from .scene_graph import SceneGraph
from .trunk import default_weights
from .visual_genome import photo_sources

PhotoGraphs = dict[str, list[SceneGraph]]  # by file name


def load_graphs(
    prepared: Path,
    data: Path,
    *,
    folder: Path,
    trunk: str,
    weights: Path | None,
    views: int,
    max_photos: int | None = None,
) -> tuple[dict[str, PhotoGraphs], dict[str, FeatureCache]]:
    """Graphs of the photos that have grids, and the caches of these in `folder`, both by split.

    Raises `FileNotFoundError` before `prepare` has run, and `ValueError` where 1 % or more have no grid.
    """
    graphs = {name: read_photos(graphs_file(prepared, name)) for name in ("train", "val")}
    if graphs_source(prepared) == VISUAL_GENOME:
        graphs = {name: dict(islice(found.items(), max_photos)) for name, found in graphs.items()}
        suffix = "" if max_photos is None else f"-{max_photos}"
        sources = photo_sources(data / VISUAL_GENOME)
        recipe = Recipe(
            files=[file for found in graphs.values() for file in found],
            sources=sources,
            iterate=lambda logs: iterate_photos(sources, logs),
            trunk=trunk,
            weights=weights or default_weights(data, trunk),
            views=views,
        )
        # One cache for both splits: they lie in the same shards, which hold more than a hundred thousand photos.
        caches = dict.fromkeys(graphs, cache_photos(recipe, folder / f"visual-genome{suffix}-{trunk}"))
    else:
        _, caches = cache_splits(
            data, folder=folder, trunk=trunk, weights=weights, views=views, max_photos=max_photos
        )
    held = {
        name: with_grids(found, caches[name], graphs_file(prepared, name), some=max_photos is not None)
        for name, found in graphs.items()
    }
    return held, caches


def with_grids(graphs: PhotoGraphs, cache: FeatureCache, path: Path, *, some: bool) -> PhotoGraphs:
    """The photos that the cache holds, which is meant to hold only `some` or else all that could be read."""
    held = set(cache.files)
    kept = {file: found for file, found in graphs.items() if file in held}
    log = RecordLog(path=path)
    for file in graphs:
        if file in kept:
            log.good()
        else:
            log.skip(file, "must be a photo in the feature cache")
    if not (some and kept):
        log.check()
    return kept


def graphs_file(prepared: Path, split: str) -> Path:
    return prepared / f"graphs_{split}.jsonl"
