"""Ranking of relations, by hand and against the slow twin."""

from collections import Counter

import numpy as np
import pytest
import torch

from groundwire_training.graph_onnx import export_float32
from groundwire_training.predicates import Predicate
from groundwire_training.relation_metrics import Scorer, fit_label_offset, rank
from groundwire_training.relations import RelationHead, load_relations, save_relations
from groundwire_training.relations_onnx import read_operators, relations_graph, write_operators


def fixed(scores):
    return lambda pairs: np.array([scores[pair] for pair in pairs], dtype=np.float64)


def test_rank_counts_tokens_and_means_recall_over_predicates():
    scorer = fixed({("a", "b"): [3, 2, 1], ("c", "d"): [1, 3, 2]})
    counts = Counter({("a", "on", "b"): 3, ("a", "in", "b"): 1, ("c", "in", "d"): 4, ("c", "odd", "d"): 9})
    score = rank(scorer, counts, {"on": 0, "in": 1, "at": 2})
    assert score.tokens == 8
    assert score.top1 == pytest.approx(7 / 8)
    assert score.macro1 == pytest.approx((1 + 4 / 5) / 2)


def test_a_tie_counts_against_the_true_predicate():
    score = rank(fixed({("a", "b"): [1, 1]}), Counter({("a", "on", "b"): 1}), {"on": 0, "in": 1})
    assert score.top1 == 0


def test_the_fitted_offset_reproduces_the_labels_shares():
    generator = np.random.default_rng(5)
    names = {name: i for i, name in enumerate("abcdef")}
    scorer = Scorer(names, generator.normal(size=(6, 3)), generator.normal(size=(4, 3, 3)), np.zeros(4))
    labels = {"w": 0, "x": 1, "x a": 1, "z": 3}
    pairs = [(s, o) for s in names for o in names]
    counts = Counter({(s, list(labels)[i % 4], o): 1 + i % 5 for i, (s, o) in enumerate(pairs)})
    offset = fit_label_offset(scorer, counts, labels)
    expected = np.zeros(4)
    for (s, _, o), n in counts.items():
        shares = np.exp(scorer([(s, o)])[0, list(labels.values())] + offset)
        expected += n * shares / shares.sum()
    observed = [sum(n for t, n in counts.items() if t[1] == label) for label in labels]
    assert expected == pytest.approx(observed, rel=1e-3)


def test_the_exported_head_scores_as_pytorch_does(tmp_path):
    torch.manual_seed(0)
    predicates = [Predicate("on", ("on a",), None, 3), Predicate("in", (), "contain", 2)]
    save_relations(RelationHead(8, predicates, hidden=16), tmp_path)
    head = load_relations(tmp_path)
    assert head.predicates == predicates
    assert export_float32(relations_graph(head), tmp_path / "relations.onnx") < 1e-4
    write_operators(head, tmp_path / "relations.bin")
    operators, bias = read_operators(tmp_path / "relations.bin", 2, 32)
    embeddings = torch.randn(4, 8)
    imagined = head.imagined(embeddings).detach().numpy()
    scorer = Scorer({"p": 0, "q": 1, "r": 2, "s": 3}, imagined, operators, bias)
    expected = head(embeddings[:2], embeddings[2:]).detach().numpy()
    assert scorer([("p", "r"), ("q", "s")]) == pytest.approx(expected, abs=1e-4)


def test_operators_of_another_vocabulary_are_refused(tmp_path):
    (tmp_path / "relations.bin").write_bytes(b"\0" * 40)
    with pytest.raises(ValueError, match="must hold 3075 numbers for 3 predicates, got 10"):
        read_operators(tmp_path / "relations.bin", 3, 32)
