"""The feature cache: a photo's views, what they are, and when they are computed anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from groundwire_training import features
from groundwire_training.features import FeatureCache, Recipe, cache_photos
from groundwire_training.trunk import Photo

FILES = ["a.jpg", "b.jpg"]
SIDE = 224


@pytest.fixture(autouse=True)
def trunk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A trunk that gives the photo's pixels back, and counts what it sees."""
    calls: list[int] = []

    class Counting(Photo):
        def forward(self, image_b3hw: torch.Tensor) -> torch.Tensor:
            calls.append(len(image_b3hw))
            return super().forward(image_b3hw)

    monkeypatch.setattr(features, "load_trunk", lambda name, weights: Counting())
    return calls


def pixels(seed: int) -> np.ndarray:
    smooth = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).repeat(28, 0).repeat(28, 1)
    return smooth.astype(np.uint8)


def cache(folder: Path, views: int) -> FeatureCache:
    photos = list(zip(FILES, map(pixels, range(len(FILES))), strict=True))
    recipe = Recipe(
        files=FILES,
        sources=[Path("photos")],
        iterate=lambda logs: iter(photos),
        trunk="mobilenet_v2_learned",
        weights=None,
        views=views,
    )
    return cache_photos(recipe, folder / "train")


def image(found: FeatureCache, row: int, view: int) -> np.ndarray:
    grid = found.read(np.array([row]), np.array([view]), torch.device("cpu"))
    return grid[0].numpy().reshape(SIDE, SIDE, 3)


def test_the_first_views_are_the_photo_and_its_mirror_image_and_the_others_differ(tmp_path):
    found = cache(tmp_path, 5)
    original = (pixels(1).astype(np.float32) - 128) / 128
    np.testing.assert_allclose(image(found, 1, 0), original, atol=1e-2)
    np.testing.assert_allclose(image(found, 1, 1), original[:, ::-1], atol=1e-2)
    views = [image(found, 1, view) for view in range(5)]
    apart = [np.abs(one - other).mean() for i, one in enumerate(views) for other in views[:i]]
    assert min(apart) > 0.02
    # Every other one is mirrored, as far as a crop and other light let that be seen.
    nearer = [np.abs(v - original).mean() < np.abs(v[:, ::-1] - original).mean() for v in views]
    assert nearer == [True, False, True, False, True]


def test_views_are_the_same_each_time_and_leave_other_random_draws_alone(tmp_path):
    torch.manual_seed(3)
    first = cache(tmp_path / "one", 4)
    after = torch.rand(1)
    second = cache(tmp_path / "two", 4)
    np.testing.assert_array_equal(first.grids, second.grids)
    torch.manual_seed(3)
    assert torch.rand(1) == after


def test_a_cache_serves_who_asks_for_fewer_views_and_is_computed_anew_for_more(tmp_path, trunk):
    cache(tmp_path, 3)
    computed = len(trunk)
    assert cache(tmp_path, 2).grids.shape[1] == 2
    assert len(trunk) == computed
    assert cache(tmp_path, 4).grids.shape[1] == 4
    assert len(trunk) == computed + 4
