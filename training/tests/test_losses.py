"""Every loss against a plain-loop twin, forward and backward."""

from __future__ import annotations

import math

import pytest
import torch

from groundwire_training.losses import (
    cosine_matrix,
    grouped_cross_entropy,
    held_loss,
    lexical_loss,
    matchmap_similarity,
    multi_positive_cross_entropy,
    pooled_contrast,
    property_contrast,
    relational_distillation,
    symmetric_cross_entropy,
    word_contrast,
)


def slow_matchmap(grid, tokens, mask):
    rows = []
    for photo in grid:
        row = []
        for text, real in zip(tokens, mask, strict=True):
            best = [
                max((p @ t for p in photo), key=lambda score: score.item())
                for t, r in zip(text, real, strict=True)
                if r
            ]
            row.append(sum(best) / len(best))
        rows.append(torch.stack(row))
    return torch.stack(rows)


def slow_cross_entropy(rows, positives):
    losses = []
    for row, chosen in zip(rows, positives, strict=True):
        if any(chosen):
            total = sum(score.exp() for score in row)
            share = sum(score.exp() for score, yes in zip(row, chosen, strict=True) if yes) / total
            losses.append(-share.log())
    return sum(losses) / len(losses)


def slow_pooled(photo, text, sigma):
    def cosine(a, b):
        return a @ b / (a @ a).sqrt() / (b @ b).sqrt()

    scores = torch.stack([torch.stack([cosine(p, t) / sigma for t in text]) for p in photo])
    target = torch.eye(len(scores)).tolist()
    return (slow_cross_entropy(scores, target) + slow_cross_entropy(scores.T, target)) / 2


def slow_distillation(student, teacher):
    def cosine(a, b):
        return a @ b / (a @ a).sqrt() / (b @ b).sqrt()

    n = len(student)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    return sum(
        (cosine(student[i], student[j]) - cosine(teacher[i], teacher[j])) ** 2 for i, j in pairs
    ) / len(pairs)


def check_equal(fast, slow, *inputs):
    """Values and gradients of both agree to 1e-5."""
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    weight = torch.randn(fast.shape)
    fast_gradients = torch.autograd.grad((fast * weight).sum(), inputs, retain_graph=True)
    slow_gradients = torch.autograd.grad((slow * weight).sum(), inputs)
    for one, other in zip(fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_matchmap_equals_its_loops_with_padding_left_out(at_once, onednn, monkeypatch):
    monkeypatch.setattr("groundwire_training.losses.photos_at_once", lambda *_: at_once)
    monkeypatch.setattr("groundwire_training.losses.uses_onednn", lambda _: onednn)
    monkeypatch.setattr("groundwire_training.losses.PRODUCT_TOKENS", 7)
    monkeypatch.setattr("groundwire_training.losses.CACHED_PHOTOS", 2)
    grid = torch.randn(3, 5, 8, requires_grad=True)
    tokens = torch.randn(4, 6, 8, requires_grad=True)
    mask = torch.tensor([[1] * n + [0] * (6 - n) for n in (6, 1, 3, 2)])
    check_equal(matchmap_similarity(grid, tokens, mask), slow_matchmap(grid, tokens, mask), grid, tokens)


def test_what_stands_in_padding_changes_nothing():
    grid, tokens = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    noisy = tokens.clone()
    noisy[0, 2:] = 1e4
    torch.testing.assert_close(
        matchmap_similarity(grid, tokens, mask), matchmap_similarity(grid, noisy, mask), rtol=0, atol=0
    )


def test_symmetric_cross_entropy_equals_its_loops():
    scores = torch.randn(5, 5, requires_grad=True)
    target = torch.eye(5).tolist()
    slow = (slow_cross_entropy(scores, target) + slow_cross_entropy(scores.T, target)) / 2
    check_equal(symmetric_cross_entropy(scores), slow, scores)


def test_symmetric_cross_entropy_stays_finite_where_exp_overflows():
    scores = torch.tensor([[500.0, -500.0], [900.0, 100.0]])
    assert math.isfinite(symmetric_cross_entropy(scores))


def test_word_contrast_counts_all_positives_and_skips_words_of_no_photo():
    scores = torch.randn(3, 5, requires_grad=True)
    positive = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]], dtype=torch.bool)
    slow = slow_cross_entropy(scores, positive.tolist()) + slow_cross_entropy(scores.T, positive.T.tolist())
    check_equal(word_contrast(scores, positive), slow / 2, scores)


def test_rows_without_a_positive_give_no_loss():
    scores = torch.randn(2, 3, requires_grad=True)
    loss = multi_positive_cross_entropy(scores, torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None and not scores.grad.any()


def test_distillation_equals_its_loops():
    student, teacher = torch.randn(4, 6, requires_grad=True), torch.randn(4, 6)
    fast = relational_distillation(student, cosine_matrix(teacher))
    check_equal(fast, slow_distillation(student, teacher), student)


def test_distillation_ignores_a_rotation_and_a_scale():
    teacher = torch.randn(4, 6)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6))
    assert relational_distillation(3 * teacher @ rotation, cosine_matrix(teacher)) < 1e-10


def test_lexical_loss_equals_its_loops():
    words, targets = torch.randn(3, 5, requires_grad=True), torch.randn(3, 5)
    slow = sum(1 - w @ t / (w.norm() * t.norm()) for w, t in zip(words, targets, strict=True)) / 3
    check_equal(lexical_loss(words, targets), slow, words)


def test_property_contrast_equals_its_loops():
    objects, phrases = torch.randn(2, 5, requires_grad=True), torch.randn(2, 3, 5, requires_grad=True)
    shares = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]])
    slow = 0.0
    for o in range(2):
        cosines = [objects[o] @ v / (objects[o].norm() * v.norm()) / 0.05 for v in phrases[o]]
        total = sum(c.exp() for c in cosines)
        slow = slow - sum(
            share * (c.exp() / total).log() for c, share in zip(cosines, shares[o], strict=True)
        )
    check_equal(property_contrast(objects, phrases, shares, sigma=0.05), slow / 2, objects, phrases)


def test_property_contrast_beyond_a_prior_equals_its_loops():
    objects, phrases = torch.randn(1, 5, requires_grad=True), torch.randn(1, 3, 5, requires_grad=True)
    shares, prior = torch.tensor([[0.1, 0.2, 0.7]]), torch.tensor([0.6, 0.3, 0.1])
    scores = [objects[0] @ v / (objects[0].norm() * v.norm()) / 0.5 for v in phrases[0]]
    weights = [p * score.exp() for p, score in zip(prior, scores, strict=True)]
    slow = -sum(share * (w / sum(weights)).log() for w, share in zip(weights, shares[0], strict=True))
    fast = property_contrast(objects, phrases, shares, sigma=0.5, log_prior_v=prior.log())
    check_equal(fast, slow, objects, phrases)


def test_held_loss_equals_its_loops():
    vectors, before = torch.randn(2, 3, 5, requires_grad=True), torch.randn(2, 3, 5)
    pairs = [(vectors[i, j], before[i, j]) for i in range(2) for j in range(3)]
    moved = sum((after - before) @ (after - before) for after, before in pairs)
    check_equal(held_loss(vectors, before), moved / sum(before @ before for _, before in pairs), vectors)


def test_pooled_contrast_equals_its_loops():
    photo = torch.randn(4, 6, requires_grad=True)
    text = torch.randn(4, 6, requires_grad=True)
    check_equal(pooled_contrast(photo, text, sigma=0.1), slow_pooled(photo, text, 0.1), photo, text)


def test_grouped_cross_entropy_equals_its_loops():
    scores = torch.randn(3, 6, requires_grad=True)  # two texts a photo
    slow = 0.0
    for text in range(6):
        own = text // 2
        slow = slow + (torch.logsumexp(scores[:, text], 0) - scores[own, text]) / 12
        rivals = [other for other in range(6) if other == text or other // 2 != own]
        slow = slow + (torch.logsumexp(scores[own, rivals], 0) - scores[own, text]) / 12
    check_equal(grouped_cross_entropy(scores), slow, scores)


def test_grouped_cross_entropy_with_one_text_a_photo_is_the_symmetric_one():
    scores = torch.randn(4, 4)
    assert torch.allclose(grouped_cross_entropy(scores), symmetric_cross_entropy(scores))
