"""Examples and ranks of the composition table, by hand."""

from collections import Counter

import numpy as np
import pytest

from groundwire_training.composition_methods import (
    Example,
    Parts,
    adjective_examples,
    compound_examples,
    learned_ranks,
    rank_targets,
)

FRUIT, BANANA, APPLE, CHERRY, LIGHT, STREET = (("noun", number) for number in range(6))
STREETLIGHT = ("noun", 9)


class SmallWordNet:
    """Bananas, apples and cherries are fruit; a street light is a streetlight."""

    by_word = {  # noqa: RUF012
        "fruit": [(5, FRUIT)],
        "banana": [(3, BANANA)],
        "apple": [(2, APPLE), (0, ("verb", 7))],
        "cherry": [(1, CHERRY)],
        "light": [(1, LIGHT)],
        "street": [(1, STREET)],
        "street light": [(0, STREETLIGHT)],
        "streetlight": [(0, STREETLIGHT)],
    }

    def ancestors(self, key):
        return {key, FRUIT} if key in (BANANA, APPLE, CHERRY) else {key}


WORDS = {"fruit", "banana", "apple", "cherry", "yellow", "red", "light", "street", "streetlight"}


def test_the_target_is_the_kind_that_has_the_attribute_by_far_most_often():
    counts = Counter({("fruit", "fresh"): 10, ("banana", "yellow"): 9, ("banana", "ripe"): 1})
    counts |= Counter(
        {("apple", "red"): 6, ("apple", "green"): 6, ("cherry", "red"): 5, ("cherry", "ripe"): 5}
    )
    found = adjective_examples(counts, SmallWordNet(), WORDS)
    assert found == [Example("yellow", "fruit", ("banana",))]


def test_a_compound_is_to_find_its_other_names_alone():
    found = compound_examples(["street light", "yellow light", "light street"], SmallWordNet(), WORDS)
    assert found == [Example("street", "light", ("streetlight",))]


def test_ranks_leave_the_phrases_own_words_out_and_take_the_best_target():
    words = ["red", "ball", "a", "b", "c"]
    lexicon = np.array([[1.0, 0], [1, 0], [0.9, 0], [0.8, 0], [0.5, 0]])
    unit = np.array([[1.0, 0]])
    parts = Parts(unit, unit, unit, lexicon)
    examples = [Example("red", "ball", ("c", "b"))]
    assert rank_targets(parts, examples, words, (1, 0, 0)).tolist() == [2]
    assert rank_targets(parts, examples, words, (0, 1, 0)).tolist() == [2]


def test_weights_are_judged_on_folds_that_did_not_choose_them():
    good, poor = np.full(20, 2), np.full(20, 9)
    ranks, chosen = learned_ranks({(1.0, 0.0, 0.0): poor, (0.0, 0.5, 0.5): good})
    assert chosen == (0.0, 0.5, 0.5)
    assert (1 / ranks).mean() == pytest.approx(0.5)
