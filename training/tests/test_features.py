"""The feature cache: a photo's views, what they are, and when they are computed anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_data import write_captioned_with_broken

from groundwire_training import features
from groundwire_training.data import load_split
from groundwire_training.features import FeatureCache, Recipe, cache_photos, cache_splits
from groundwire_training.images import only_wanted
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


def cache(folder: Path, views: int, files: list[str] = FILES, kill_after: int | None = None) -> FeatureCache:
    photos = list(zip(FILES, map(pixels, range(len(FILES))), strict=True))

    def iterate(logs: object) -> Iterator[tuple[str, np.ndarray]]:
        yield from photos[:kill_after]
        if kill_after is not None:
            raise KeyboardInterrupt

    recipe = Recipe(
        files=files,
        sources=[Path("photos")],
        iterate=iterate,
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


def test_a_cache_whose_renewal_was_killed_is_the_one_before(tmp_path, trunk):
    first = np.array(cache(tmp_path, 2).grids)
    with pytest.raises(KeyboardInterrupt):
        cache(tmp_path, 3, kill_after=1)
    computed = len(trunk)
    # The killed run's array has zeros for the photos that it did not come to.
    np.testing.assert_array_equal(cache(tmp_path, 2).grids, first)
    assert len(trunk) == computed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.json", "train.npy"]


def test_who_reads_a_cache_goes_on_with_it_while_another_run_computes_it_anew(tmp_path):
    cache(tmp_path, 2)
    read = cache(tmp_path, 2)
    before = np.array(read.grids)
    assert cache(tmp_path, 4).grids.shape[1] == 4
    np.testing.assert_array_equal(read.grids, before)


def test_two_photos_of_one_name_are_an_error_unless_they_are_the_same():
    photos = [("a.jpg", pixels(0)), ("b.jpg", pixels(1)), ("a.jpg", pixels(0)), ("c.jpg", pixels(2))]
    assert [file for file, _ in only_wanted(photos, {"a.jpg", "b.jpg"})] == ["a.jpg", "b.jpg"]
    with pytest.raises(ValueError, match=r"photos: c\.jpg is the name of two that differ"):
        list(only_wanted([*photos, ("c.jpg", pixels(3))], {"c.jpg"}))


def test_a_photo_in_no_source_is_an_error_from_one_percent_on_and_leaves_no_cache(tmp_path):
    with pytest.raises(
        ValueError, match=r"photos: 1 of 3 are not in photos, at least 1% is an error: c\.jpg"
    ):
        cache(tmp_path, 1, [*FILES, "c.jpg"])
    assert not (tmp_path / "train.json").exists()


def test_a_cache_is_computed_anew_for_photos_that_it_has_not_looked_for(tmp_path, trunk):
    cache(tmp_path, 1, FILES[:1])
    computed = sum(trunk)
    assert cache(tmp_path, 1).files == FILES
    assert sum(trunk) == computed + 2


def test_a_photo_that_cannot_be_read_is_left_out_with_its_captions_and_listed(tmp_path, trunk):
    data = write_captioned_with_broken(tmp_path / "data", "train7.jpg")

    def found():
        return cache_splits(
            data, folder=tmp_path / "features", trunk="mobilenet_v2_learned", weights=None, views=1
        )

    splits, caches = found()
    whole = load_split(data, "train")
    assert splits["train"].files == [file for file in whole.files if file != "train7.jpg"]
    assert splits["train"].captions == [c for i, c in enumerate(whole.captions) if i != 7]
    assert caches["train"].rows(splits["train"].files).tolist() == list(range(119))
    listed = json.loads((tmp_path / "features" / "train-mobilenet_v2_learned.json").read_text())
    assert listed["missing"] == ["train7.jpg"]
    assert [entry["record"] for entry in listed["skipped"][0]["bad"]] == ["images/train7.jpg"]
    computed = sum(trunk)
    again, _ = found()
    assert again["train"].files == splits["train"].files
    assert sum(trunk) == computed
