"""Counts of seen triples: merged, restored whole, small, and without what a test calls unseen."""

from collections import Counter

import pytest

from groundwire_training.predicates import Predicate
from groundwire_training.scene_graph import SceneGraph
from groundwire_training.triple_counts import count_seen, read_triple_counts, write_triple_counts
from groundwire_training.triples import TripleSplits

PREDICATES = [Predicate("on", ("be on",), None, 9), Predicate("ride", ("riding",), None, 4)]


def splits(**counts):
    fields = ("factual_train", "factual_dev", "factual_test", "vg150_train", "vg150_test", "vg150_zero_shot")
    return TripleSplits(**{name: Counter(counts.get(name, {})) for name in fields}, logs=())


def test_sources_and_spellings_of_a_triple_are_summed():
    found = splits(
        factual_train={("Man", "riding", "horse"): 2, ("cup", "made of", "glass"): 7},
        vg150_train={("man", "ride", "horse"): 3, ("cup", "be on", "table"): 1},
    )
    photos = [SceneGraph(("man", "horse"), (), ((0, "ride", 1),))]
    assert count_seen(found, PREDICATES, photos) == {("man", 1, "horse"): 6, ("cup", 0, "table"): 1}


def test_a_triple_that_a_test_counts_as_unseen_stays_unseen():
    found = splits(
        factual_test={("cat", "on", "mat"): 1},
        vg150_train={("cat", "be on", "mat"): 5, ("cat", "on", "hat"): 1},
    )
    photos = [SceneGraph(("cat", "mat", "hat"), (), ((0, "is on", 1), (0, "on", 2)))]
    assert count_seen(found, PREDICATES, photos) == {("cat", 0, "hat"): 2}


def test_the_file_gives_back_every_count_and_equal_counts_give_equal_bytes(tmp_path):
    counts = Counter({("man", 1, "horse"): 6, ("man", 0, "horse"): 1, ("teddy bear", 0, "bed"): 12})
    write_triple_counts(counts, tmp_path / "a")
    write_triple_counts(Counter(dict(reversed(counts.items()))), tmp_path / "b")
    assert read_triple_counts(tmp_path / "a") == counts
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_over_its_share_of_the_bundle_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("groundwire_training.triple_counts.MAX_BYTES", 10)
    with pytest.raises(ValueError, match="must have at most 10 bytes, has"):
        write_triple_counts(Counter({("man", 1, "horse"): 6}), tmp_path / "a")
    assert not (tmp_path / "a").exists()
