"""Canonical predicates, aliases and inverses."""

from collections import Counter

import pytest

from groundwire_training.predicates import Lemmatizer, alias_index, build_predicates, canonical_predicate


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("on a", "on"),
        ("be on", "on"),
        ("rid", "ride"),
        ("on the side of", "on side of"),
        ("is", "is"),
        ("a", "a"),
    ],
)
def test_spellings_of_one_relation_are_merged(raw, name):
    assert canonical_predicate(raw) == name


@pytest.mark.parametrize(
    ("form", "name"),
    [("is riding a", "ride"), ("sitting on", "sit on"), ("carries", "carry"), ("held", "hold")],
)
def test_inflected_verbs_are_reduced_to_the_vocabulary(form, name):
    assert Lemmatizer(["ride", "sit on", "carry", "hold"])(form) == name


def test_a_vocabulary_has_counts_aliases_and_mutual_inverses():
    counts = Counter({"on": 5, "on a": 4, "above": 3, "below": 2, "juggle": 1})
    built = build_predicates(counts, Counter({"are above": 1}), keep={"below"}, min_count=3)
    assert [(p.name, p.count) for p in built] == [("on", 9), ("above", 3), ("below", 2)]
    assert built[1].inverse == "below"
    assert built[2].inverse == "above"
    assert alias_index(built) == {"on": 0, "on a": 0, "above": 1, "are above": 1, "below": 2}
