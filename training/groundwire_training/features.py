"""Feature cache of a frozen trunk: the grids of each photo's views, memory-mapped.

A cache is `<name>.npy`, float16 [N, V, P, C] (view 0: the photo, 1: its mirror image, then augmented ones, every
other one mirrored), and `<name>.json`, which names the photos row by row, those that could not be had, the trunk and
the hash of its weights. Without the JSON, which is written last, the cache does not exist, so a killed run never leaves
half of one behind. A new array takes the place of an old one whole, so that who reads that goes on with it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .augment import random_crop, relight
from .data import CaptionedSplit, load_split
from .distributed import from_main_process, join_processes
from .images import iterate_photos, only_wanted
from .own_files import own_stem
from .records import LISTED, TOLERATED_SHARE, RecordLog
from .trunk import GRIDS, default_weights, load_trunk, to_input

log = logging.getLogger(__name__)
BATCH = 32
AUGMENTED = 2  # the first augmented view


@dataclass(frozen=True)
class FeatureCache:
    """Grids of the photos in `files`; `grids[i, 0]` is that of the photo as it is."""

    files: list[str]
    grids: np.ndarray

    def rows(self, files: list[str]) -> np.ndarray:
        """Row of each file. Raises `ValueError` naming a file that the cache lacks."""
        index = {name: row for row, name in enumerate(self.files)}
        missing = [name for name in files if name not in index]
        if missing:
            raise ValueError(f"photos: {len(missing)} of {len(files)} are missing, the first is {missing[0]}")
        return np.array([index[name] for name in files])

    def read(self, rows: np.ndarray, views: np.ndarray, device: torch.device) -> torch.Tensor:
        """float32 [B, P, C]; `views` names a view per row."""
        return torch.from_numpy(self.grids[rows, views]).to(device).float()


Photos = Callable[[list[RecordLog]], Iterator[tuple[str, np.ndarray]]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a cache is made from: `iterate` gives (file, pixels) of at least the photos in `files`."""

    files: list[str]
    sources: list[Path]
    iterate: Photos
    trunk: str
    weights: Path | None
    views: int


def cache_splits(
    data: Path, *, folder: Path, trunk: str, weights: Path | None, views: int, max_photos: int | None = None
) -> tuple[dict[str, CaptionedSplit], dict[str, FeatureCache]]:
    """The captioned training and validation photos and their caches, by split; validation has one view.

    Photos that could not be read are in neither. Raises `ValueError` where they are 1 % or more of a file.
    """
    splits = {name: load_split(data, name, max_photos) for name in ("train", "val")}
    weights = weights or default_weights(data, trunk)
    suffix = "" if max_photos is None else f"-{max_photos}"
    caches = {
        name: cache_split(
            split,
            name=name + suffix,
            folder=folder,
            trunk=trunk,
            weights=weights,
            views=views if name == "train" else 1,
        )
        for name, split in splits.items()
    }
    return {name: held_by(cache, splits[name]) for name, cache in caches.items()}, caches


def held_by(cache: FeatureCache, split: CaptionedSplit) -> CaptionedSplit:
    """The photos of the split that the cache holds, with their captions."""
    held = set(cache.files)
    kept = [photo for photo, file in enumerate(split.files) if file in held]
    return dataclasses.replace(
        split,
        files=[split.files[photo] for photo in kept],
        captions=[split.captions[photo] for photo in kept],
    )


def cache_split(
    split: CaptionedSplit, *, name: str, folder: Path, trunk: str, weights: Path | None, views: int
) -> FeatureCache:
    """Opens the cache of a split, after computing it where it is missing, of another trunk or of fewer views."""
    recipe = Recipe(
        files=split.files,
        sources=split.sources,
        iterate=lambda logs: iterate_photos(split.sources, logs),
        trunk=trunk,
        weights=weights,
        views=views,
    )
    return cache_photos(recipe, folder / f"{name}-{trunk}")


def cache_photos(recipe: Recipe, stem: Path) -> FeatureCache:
    """Opens the cache `stem`, after the main process has computed it where it is missing, of another trunk or
    of fewer views."""
    module = load_trunk(recipe.trunk, recipe.weights).eval()
    sources = [source.name for source in recipe.sources]
    described = {"trunk": recipe.trunk, "weights": hash_module(module), "sources": sources}
    return from_main_process(
        lambda: open_cache(stem, described, recipe), lambda: compute_cache(recipe, module, stem, described)
    )


def open_cache(stem: Path, described: dict, recipe: Recipe) -> FeatureCache | None:
    try:
        meta = json.loads(stem.with_name(stem.name + ".json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    reason = why_anew(meta, described, recipe)
    if reason is not None:
        # The others ask every second.
        if join_processes().is_main_process:
            log.warning("feature cache %s %s: computing it anew", stem.name, reason)
        return None
    grids = np.load(stem.with_name(stem.name + ".npy"), mmap_mode="r")
    return FeatureCache(meta["files"], grids[:, : recipe.views])


def why_anew(meta: dict, described: dict, recipe: Recipe) -> str | None:
    if {key: meta.get(key) for key in described} != described:
        return "was made from other photos or weights"
    if meta.get("views", 0) < recipe.views:
        return f"has fewer than {recipe.views} views"
    if not set(recipe.files).issubset([*meta["files"], *meta.get("missing", [])]):
        return "was made before some of the photos"
    return None


def compute_cache(recipe: Recipe, module: nn.Module, stem: Path, described: dict) -> FeatureCache:
    array_file, meta_file = (stem.with_name(stem.name + ending) for ending in (".npy", ".json"))
    with own_stem(stem) as own:
        own_array, own_meta = (own.with_name(own.name + ending) for ending in (".npy", ".json"))
        files, report = compute_grids(recipe, module, own_array, stem.name)
        own_meta.write_text(json.dumps({**described, **report}, indent=1), encoding="utf-8")
        # The JSON must not speak for another array than its own.
        meta_file.unlink(missing_ok=True)
        own_array.replace(array_file)
        own_meta.replace(meta_file)
    return FeatureCache(files, np.load(array_file, mmap_mode="r"))


def compute_grids(recipe: Recipe, module: nn.Module, array_file: Path, name: str) -> tuple[list[str], dict]:
    """Writes the array; returns the files of its rows, and what the JSON says of them. The array is not returned,
    because Windows renames no file that is mapped."""
    grid = GRIDS[recipe.trunk]
    device = join_processes().device
    module = module.to(device)
    shape = (len(recipe.files), recipe.views, grid.positions, grid.channels)
    grids = np.lib.format.open_memmap(array_file, "w+", np.float16, shape)
    files: list[str] = []
    logs: list[RecordLog] = []
    batch: list[np.ndarray] = []

    def flush() -> None:
        first = len(files) - len(batch)
        # A generator of their own: whether a cache was there must not change what is drawn after it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(first)
            for view in range(recipe.views):
                grids[first : len(files), view] = see_view(module, np.stack(batch), view, device)
        batch.clear()

    found = only_wanted(recipe.iterate(logs), set(recipe.files))
    for file, pixels in tqdm(found, total=len(recipe.files), desc=name, unit="photo"):
        files.append(file)
        batch.append(pixels)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    grids.flush()
    held = set(files)
    missing = [file for file in recipe.files if file not in held]
    check_absent(recipe, missing, logs)
    report = {
        "views": recipe.views,
        "files": files,
        "missing": missing,
        "skipped": [entry.report() for entry in logs if entry.bad],
    }
    return files, report


def check_absent(recipe: Recipe, missing: list[str], logs: list[RecordLog]) -> None:
    """Raises `ValueError` where 1 % or more of the photos are in no source. Unreadable ones, which the logs
    name, have been counted against their source."""
    unreadable = {Path(record).name for entry in logs for record, _ in entry.bad}
    absent = [file for file in missing if Path(file).name not in unreadable]
    if absent and len(absent) >= TOLERATED_SHARE * len(recipe.files):
        searched = ", ".join(str(source) for source in recipe.sources)
        raise ValueError(
            f"photos: {len(absent)} of {len(recipe.files)} are not in {searched}, "
            f"at least {TOLERATED_SHARE:.0%} is an error: {', '.join(absent[:LISTED])}"
        )


@torch.inference_mode()
def see_view(module: nn.Module, pixels: np.ndarray, view: int, device: torch.device) -> np.ndarray:
    """uint8 [B, H, W, 3] -> float16 [B, P, C]"""
    image = to_input(torch.from_numpy(pixels))
    if view >= AUGMENTED:
        image = relight(random_crop(image))
    if view % 2:
        image = image.flip(3)
    # A CPU convolves faster where channels are last in memory.
    with torch.autocast(device.type, torch.bfloat16):
        grid_bpc = module(image.to(device, memory_format=torch.channels_last))
    return grid_bpc.to(torch.float16).cpu().numpy()


def hash_module(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
