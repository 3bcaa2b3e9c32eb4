"""Ranks of a triple's missing end, by hand."""

from collections import Counter

import numpy as np

from groundwire_training.completion import log_counts, log_triples, rank_true
from groundwire_training.lexicon import read_lexicon, write_lexicon


def test_an_entry_that_ties_with_the_true_one_is_ranked_before_it():
    scores = np.array([[3.0, 2.0, 2.0], [1.0, 5.0, 0.0]])
    assert rank_true(scores, np.array([1, 1])).tolist() == [3, 1]


COUNTS = Counter({("man", 0, "horse"): 3, ("man", 1, "hat"): 2, ("x", 0, "man"): 9, ("horse", 0, "horse"): 1})


def test_counts_are_those_of_an_entry_at_its_own_end():
    as_subject, as_object = log_counts(COUNTS, {"man": 0, "horse": 1})
    assert np.allclose(np.exp(as_subject), [5.1, 1.1])
    assert np.allclose(np.exp(as_object), [9.1, 4.1])


def test_a_triples_count_goes_to_the_entry_that_completes_it():
    known = [(0, 0, 1), (1, 0, 1), (0, 1, 1)]
    of_subject, of_object = log_triples(COUNTS, {"man": 0, "horse": 1}, known)
    assert np.allclose(np.expm1(of_subject), [[3, 1], [3, 1], [0, 0]], atol=1e-5)
    assert np.allclose(np.expm1(of_object), [[0, 3], [0, 1], [0, 0]], atol=1e-5)


def test_the_lexicon_is_read_as_it_was_written(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    write_lexicon(tmp_path, ["a", "brown dog", "c"], vectors)
    entries, found = read_lexicon(tmp_path)
    assert entries == ["a", "brown dog", "c"]
    assert np.abs(found - vectors).max() <= np.abs(vectors).max() / 127
