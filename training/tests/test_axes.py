"""Axes named by norms, and read-outs, on vectors that hold the ratings by construction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from groundwire_training.axes import (
    COLORS,
    build_axes,
    exemplars,
    fit_readouts,
    name_axes,
    principal_components,
    read_colors,
    read_feature_types,
)

RANDOM = np.random.default_rng(5)
WORDS = [f"word{i}" for i in range(240)]
VECTORS = RANDOM.normal(size=(240, 6)).astype(np.float32)
TRUE_WEIGHTS = np.array([1.0, -2.0, 0.0, 0.5, 0.0, 3.0])


def embed(words: list[str]) -> np.ndarray:
    return np.stack([VECTORS[WORDS.index(word)] for word in words])


def rated(values: np.ndarray) -> dict[str, float]:
    return dict(zip(WORDS, values.tolist(), strict=True))


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    mean, components, explained = principal_components(VECTORS, 3)
    _, values, basis = np.linalg.svd(VECTORS - VECTORS.mean(axis=0))
    np.testing.assert_allclose(mean, VECTORS.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.abs(components @ basis[:3].T), np.eye(3), atol=1e-4)
    np.testing.assert_allclose(explained, values[:3] ** 2 / (values**2).sum(), rtol=1e-4)
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(3), largest] > 0).all()


def test_an_axis_bears_the_name_of_the_norm_that_it_predicts_best() -> None:
    noise = RANDOM.normal(size=240)
    norms = {
        "faint": rated(VECTORS[:, 0] + 2 * noise),
        "strong": rated(-VECTORS[:, 0] + 0.1 * noise),
    }
    first, second = name_axes(np.zeros(6), np.eye(6)[:2], norms, embed)
    expected = np.corrcoef(VECTORS[:, 0], -VECTORS[:, 0] + 0.1 * noise)[0, 1]
    assert first == {"name": "strong", "norm": "strong", "r": round(float(expected), 4)}
    assert second == {"name": "axis 2", "norm": None, "r": None}


def test_exemplars_are_the_ends_of_an_axis() -> None:
    ends = exemplars(WORDS, np.arange(240.0))
    assert ends["low"][:2] == ["word0", "word1"]
    assert ends["high"][:2] == ["word239", "word238"]


def test_readouts_find_a_linear_rating_and_not_a_random_one() -> None:
    targets = {
        "linear": rated(VECTORS @ TRUE_WEIGHTS + 2.5),
        "random": rated(RANDOM.normal(size=240)),
    }
    linear, random = fit_readouts(targets, embed)
    np.testing.assert_allclose(linear["weights"], TRUE_WEIGHTS, atol=5e-3)
    assert linear["bias"] == pytest.approx(2.5, abs=5e-3)
    assert linear["r"] > 0.999
    # Out of fold: the weights that were fitted to these very words have a larger correlation.
    fitted = np.corrcoef(VECTORS @ random["weights"], list(targets["random"].values()))[0, 1]
    assert random["r"] < fitted
    assert random["r"] < 0.2
    assert linear["n"] == random["n"] == 240


def test_readouts_fitted_together_are_those_fitted_alone() -> None:
    targets = {
        "clear": rated(VECTORS @ TRUE_WEIGHTS + RANDOM.normal(size=240)),
        "dim": rated(VECTORS @ TRUE_WEIGHTS + 50 * RANDOM.normal(size=240)),
    }
    alone = [fit_readouts({name: ratings}, embed)[0] for name, ratings in targets.items()]
    for one, other in zip(alone, fit_readouts(targets, embed), strict=True):
        np.testing.assert_allclose(one["weights"], other["weights"], rtol=2e-3)
        assert one["r"] == pytest.approx(other["r"], abs=1e-3)


def test_too_few_words_give_no_readout() -> None:
    few = {word: float(i) for i, word in enumerate(WORDS[:199])}
    assert fit_readouts({"few": few}, embed) == []


def write_norms(folder: Path) -> None:
    folder.mkdir()
    tables = {
        "concreteness.tsv": ["word\tmean\tis_bigram", *(f"{word}\t{i}\t0" for i, word in enumerate(WORDS))],
        "semcat.tsv": [
            "category\tword",
            *(f"{'even' if i % 2 == 0 else 'odd'}\t{word}" for i, word in enumerate(WORDS)),
        ],
        "cslb.tsv": [
            "concept\tfeature type\tpf",
            "sea_lion\tvisual perceptual\t3",
            "sea_lion\ttaxonomic\t1",
            "saw\tfunctional\t2",
        ],
        "coda_annotations.jsonl": [
            json.dumps({"display_name": "Rose", "included": True, "red": 3, "white": 1}),
            json.dumps({"display_name": "rose", "included": True, "red": 1}),
            json.dumps({"display_name": "rose", "included": False, "blue": 9}),
            json.dumps({"display_name": "air", "included": True}),
        ],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")


def test_shares_of_feature_types_and_colors(tmp_path: Path) -> None:
    write_norms(tmp_path / "norms")
    types = read_feature_types(tmp_path / "norms")
    assert types["visual perceptual"] == {"sea lion": 0.75, "saw": 0.0}
    assert types["functional"] == {"sea lion": 0.0, "saw": 1.0}
    colors = read_colors(tmp_path / "norms")
    assert set(colors) == {f"color {color}" for color in COLORS}
    assert colors["color red"] == {"rose": pytest.approx((0.75 + 1.0) / 2)}
    assert colors["color blue"] == {"rose": 0.0}


def test_what_has_too_few_words_is_left_out_of_a_bundles_readouts(tmp_path: Path) -> None:
    write_norms(tmp_path / "norms")

    def known(words: list[str]) -> np.ndarray:
        return np.stack([VECTORS[WORDS.index(word)] if word in WORDS else np.zeros(6) for word in words])

    axes = build_axes(WORDS, VECTORS, known, tmp_path)
    assert [readout["name"] for readout in axes["readouts"]] == ["concreteness"]
    assert len(axes["axes"]) == len(axes["components"]) == 6
    assert build_axes(WORDS, VECTORS, known, None)["readouts"] == []
