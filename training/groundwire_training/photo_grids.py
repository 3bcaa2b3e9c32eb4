"""Where stage 1's grids come from: a feature cache, or the trunk at every step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from .features import FeatureCache, Recipe, cache_photos
from .image_folder import LabeledPhoto, iterate_labeled
from .photo_decoder import Drawn, Key, PhotoDecoder
from .stage1_config import Stage1Config
from .trunk import to_input

Draw = Callable[[Key], Drawn]


class Grids(Protocol):
    def read(self, key: Key, ahead: Key | None, draw: Draw, device: torch.device) -> tuple[list[int], Tensor]:
        """Rows of the batch `key` that could be read, and their grids, float32 [B, P, C].

        `ahead` names the batch that will be asked for next, if any.
        """


class CachedGrids:
    def __init__(self, cache: FeatureCache, photos: list[LabeledPhoto]) -> None:
        self.cache = cache
        self.rows = cache.rows([photo.name for photo in photos])

    def read(self, key: Key, ahead: Key | None, draw: Draw, device: torch.device) -> tuple[list[int], Tensor]:
        rows, mirrored, _ = draw(key)
        return rows.tolist(), self.cache.read(self.rows[rows], mirrored, device)


class ComputedGrids:
    """Runs the trunk at every step: the grids of all of ImageNet would fill half a terabyte."""

    def __init__(
        self,
        photos: list[LabeledPhoto],
        trunk: nn.Module,
        config: Stage1Config,
        crop_scale: tuple[float, float] | None,
    ) -> None:
        self.trunk = trunk
        self.bf16 = config.bf16
        self.decoder = PhotoDecoder(photos, workers=config.workers, crop_scale=crop_scale)

    @torch.no_grad()
    def read(self, key: Key, ahead: Key | None, draw: Draw, device: torch.device) -> tuple[list[int], Tensor]:
        drawn = draw(key)
        upcoming = None if ahead is None else (ahead, draw(ahead))
        kept, pixels = self.decoder.batch(key, drawn, upcoming)
        image = to_input(torch.from_numpy(pixels).to(device))
        mirrored = torch.from_numpy(drawn.mirrored[kept]).bool().to(device)
        image = torch.where(mirrored[:, None, None, None], image.flip(3), image)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            grid_bpc = self.trunk.to(device)(image)
        return drawn.rows[kept].tolist(), grid_bpc.float()


def open_cached(
    photos: list[LabeledPhoto], split: str, config: Stage1Config, folder: Path, weights: Path | None
) -> FeatureCache:
    recipe = Recipe(
        files=[photo.name for photo in photos],
        sources=sorted({photo.source for photo in photos}),
        iterate=lambda logs: iterate_labeled(photos, logs),
        trunk=config.trunk,
        weights=weights,
        views=2,
    )
    return cache_photos(recipe, folder / f"classes-{split}-{len(photos)}-{config.trunk}")


def readable(photos: list[LabeledPhoto], cache: FeatureCache) -> list[LabeledPhoto]:
    known = set(cache.files)
    return [photo for photo in photos if photo.name in known]
