"""Feature cache of a frozen trunk: each photo's grid and its mirror image's, memory-mapped.

A cache is `<name>.npy`, float16 [N, 2, P, C] (0: photo, 1: mirrored), and `<name>.json`, which names the
photos row by row, the trunk and the hash of its weights. The JSON is written last: without it the cache
does not exist, so a killed run never leaves half of one behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .data import CaptionedSplit
from .images import iterate_photos
from .records import RecordLog
from .trunk import GRIDS, load_trunk

log = logging.getLogger(__name__)
BATCH = 32


@dataclass(frozen=True)
class FeatureCache:
    """Grids of the photos in `files`; `grids[i, 1]` is the mirrored photo's."""

    files: list[str]
    grids: np.ndarray

    def rows(self, files: list[str]) -> np.ndarray:
        """Row of each file. Raises `ValueError` naming a file that the cache lacks."""
        index = {name: row for row, name in enumerate(self.files)}
        missing = [name for name in files if name not in index]
        if missing:
            raise ValueError(f"photos: {len(missing)} of {len(files)} are missing, the first is {missing[0]}")
        return np.array([index[name] for name in files])

    def read(self, rows: np.ndarray, mirrored: np.ndarray) -> torch.Tensor:
        """float32 [B, P, C]; `mirrored` is 0 or 1 per row."""
        return torch.from_numpy(self.grids[rows, mirrored]).float()


def cache_split(split: CaptionedSplit, *, name: str, folder: Path, trunk: str, weights: Path) -> FeatureCache:
    """Opens the cache of a split, after computing it where it is missing or of another trunk."""
    module = load_trunk(trunk, weights).eval()
    described = {"trunk": trunk, "weights": hash_module(module), "sources": [p.name for p in split.sources]}
    cache = open_cache(folder / f"{name}-{trunk}", described)
    return cache or compute_cache(split, module, folder / f"{name}-{trunk}", described, trunk)


def open_cache(stem: Path, described: dict) -> FeatureCache | None:
    meta_file = stem.with_name(stem.name + ".json")
    if not meta_file.is_file():
        return None
    meta = json.loads(meta_file.read_text(encoding="utf-8"))
    if {key: meta.get(key) for key in described} != described:
        log.warning("feature cache %s was made from other photos or weights: computing it anew", stem.name)
        return None
    return FeatureCache(meta["files"], np.load(stem.with_name(stem.name + ".npy"), mmap_mode="r"))


def compute_cache(
    split: CaptionedSplit, module: nn.Module, stem: Path, described: dict, trunk: str
) -> FeatureCache:
    stem.parent.mkdir(parents=True, exist_ok=True)
    grid = GRIDS[trunk]
    wanted = set(split.files)
    array_file = stem.with_name(stem.name + ".npy")
    shape = (len(split), 2, grid.positions, grid.channels)
    grids = np.lib.format.open_memmap(array_file, "w+", np.float16, shape)
    files: list[str] = []
    logs: list[RecordLog] = []
    batch: list[np.ndarray] = []

    def flush() -> None:
        first = len(files) - len(batch)
        grids[first : len(files)] = both_sides(module, np.stack(batch))
        batch.clear()

    for file, pixels in tqdm(
        iterate_photos(split.sources, logs), total=len(split), desc=stem.name, unit="photo"
    ):
        if file in wanted:
            files.append(file)
            batch.append(pixels)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    grids.flush()
    meta = {**described, "files": files, "skipped": [entry.report() for entry in logs if entry.bad]}
    partial = stem.with_name(stem.name + ".json.partial")
    partial.write_text(json.dumps(meta, indent=1), encoding="utf-8")
    partial.replace(stem.with_name(stem.name + ".json"))
    return FeatureCache(files, grids)


@torch.inference_mode()
def both_sides(module: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """uint8 [B, H, W, 3] -> float16 [B, 2, P, C]"""
    image = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 128) / 128
    with torch.autocast("cpu", torch.bfloat16):
        sides = [module(view) for view in (image, image.flip(3))]
    return torch.stack(sides, dim=1).to(torch.float16).numpy()


def hash_module(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
