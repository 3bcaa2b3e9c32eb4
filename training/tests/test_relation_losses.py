"""The vectorized relation losses against plain loops, forward and backward."""

import math

import pytest
import torch

from groundwire_training.relations import BilinearRelations, relation_losses


def loop_scores(relations, subjects, objects):
    rows = []
    for subject, object_ in zip(subjects, objects, strict=True):
        scores = []
        for operator, bias in zip(relations.operators, relations.bias, strict=True):
            unit = operator / (operator**2).sum().sqrt()
            scores.append(
                sum(subject[i] * unit[i, j] * object_[j] for i in range(4) for j in range(4)) + bias
            )
        rows.append(torch.stack(scores))
    return torch.stack(rows)


def loop_losses(scores, labels):
    given_pair, given_relation = [], []
    for n, label in enumerate(labels.tolist()):
        given_pair.append(torch.logsumexp(scores[n], 0) - scores[n, label])
        rivals = [scores[m, label] for m, other in enumerate(labels.tolist()) if m == n or other != label]
        given_relation.append(torch.logsumexp(torch.stack(rivals), 0) - scores[n, label])
    return torch.stack(given_pair).mean(), torch.stack(given_relation).mean()


def test_losses_equal_their_plain_loops_forward_and_backward():
    generator = torch.Generator().manual_seed(3)
    relations = BilinearRelations(5, subspace=4)
    subjects = torch.randn(9, 4, generator=generator, requires_grad=True)
    objects = torch.randn(9, 4, generator=generator, requires_grad=True)
    labels = torch.randint(0, 5, (9,), generator=generator)
    leaves = [subjects, objects, relations.operators, relations.bias]
    fast = relation_losses(relations(subjects, objects), labels)
    slow = loop_losses(loop_scores(relations, subjects, objects), labels)
    for ours, theirs in zip(fast, slow, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
        fast_grads = torch.autograd.grad(ours, leaves, retain_graph=True, allow_unused=True)
        slow_grads = torch.autograd.grad(theirs, leaves, retain_graph=True, allow_unused=True)
        for a, b in zip(fast_grads, slow_grads, strict=True):
            assert torch.allclose(a, b, atol=1e-5)


def test_every_exported_operator_has_unit_frobenius_norm():
    norms = BilinearRelations(7).unit_operators().flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.ones(7), atol=1e-6)


def test_pairs_of_one_relation_are_no_negatives_of_each_other():
    scores = torch.tensor([[2.0, 0.0], [100.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 1])
    expected_first = math.log(1 + math.exp(0.0 - 2.0))
    expected_second = math.log(1 + math.exp(0.0 - 100.0))
    expected_third = math.log(math.exp(0.0) + math.exp(0.0) + math.exp(1.0)) - 1.0
    expected = (expected_first + expected_second + expected_third) / 3
    assert relation_losses(scores, labels)[1].item() == pytest.approx(expected, abs=1e-6)


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"labels: must be \[3\], got \[2\]"):
        relation_losses(torch.zeros(3, 2), torch.tensor([0, 1]))
