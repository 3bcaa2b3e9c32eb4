"""What is timed: steps of random inputs, their plain-loop peers, and the counting of their arithmetic."""

from __future__ import annotations

import argparse

import pytest
import torch

from groundwire_training.bench_step import LOOP_LOSSES, LOOPS, compare_losses, ratios, take_step
from groundwire_training.losses import matchmap_similarity, symmetric_cross_entropy
from groundwire_training.measure_step import count_operations, matrix_peak, measure_stage
from groundwire_training.plain_losses import (
    loop_class_loss,
    loop_matchmap,
    loop_relation_losses,
    loop_relation_scores,
    loop_symmetric_cross_entropy,
)
from groundwire_training.relational import class_loss
from groundwire_training.relations import BilinearRelations, relation_losses
from groundwire_training.synthetic_steps import Shapes, SyntheticStep, make_step


def check_equal(fast: torch.Tensor, slow: torch.Tensor, *leaves: torch.Tensor) -> None:
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    fast_gradients = torch.autograd.grad(fast.sum(), leaves, retain_graph=True)
    for one, other in zip(fast_gradients, torch.autograd.grad(slow.sum(), leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_the_loops_have_the_mathematics_of_the_vectorized_losses():
    torch.manual_seed(0)
    grid, tokens = torch.randn(3, 5, 8, requires_grad=True), torch.randn(3, 4, 8, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]])
    fast = symmetric_cross_entropy(matchmap_similarity(grid, tokens, mask))
    check_equal(fast, loop_symmetric_cross_entropy(loop_matchmap(grid, tokens, mask)), grid, tokens)

    relations = BilinearRelations(5, subspace=4)
    pairs = torch.randn(7, 4, requires_grad=True), torch.randn(7, 4, requires_grad=True)
    labels = torch.randint(5, (7,))
    scores = relations(*pairs)
    slow_scores = loop_relation_scores(relations.unit_operators(), relations.bias, pairs)
    check_equal(scores, slow_scores, *pairs)
    slow = loop_relation_losses(slow_scores, labels)
    for one, other in zip(relation_losses(scores, labels), slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)

    objects, classes = torch.randn(2, 3, 6, requires_grad=True), torch.tensor([[1, -100, 5], [0, 2, -100]])
    check_equal(class_loss(objects, classes, -100), loop_class_loss(objects, classes, -100), objects)


@pytest.mark.parametrize("stage", LOOP_LOSSES)
def test_a_step_ends_alike_with_loops(stage):
    step = make_step(stage, "smoke", torch.device("cpu"), Shapes(photos=2, tokens=4, positions=9))
    step.model.eval()
    outputs = step.forward()
    torch.testing.assert_close(step.loss(outputs), LOOP_LOSSES[stage](step, outputs), rtol=1e-4, atol=1e-4)


def test_both_losses_are_compared_over_the_asked_shapes():
    found = compare_losses(argparse.Namespace(photos=3, tokens=4, positions=5), width=8)
    assert all(measured["maxAbsDifference"] < 1e-5 for measured in found.values())
    assert all(measured["speedup"] > 0 for measured in found.values())


def test_ratios_are_to_the_limit_and_to_the_peer():
    found = ratios({"ours": 10.0, LOOPS: 2.0, "limit": 20.0})
    assert (found["ratioToLimit"], found["ratioToBestPeer"]) == (0.5, 5.0)
    assert ratios({"ours": 8.618965, LOOPS: 3.0, "limit": 3.0})["ours"] == 8.619


def test_operations_are_those_of_the_matrix_products_forward_and_backward():
    layer = torch.nn.Linear(8, 16, bias=False)
    inputs = torch.randn(4, 8)
    step = SyntheticStep(
        model=layer,
        photos=4,
        forward=lambda: layer(inputs),
        loss=lambda outputs: outputs.sum(),
        scalar=lambda outputs: outputs.sum(),
        bf16=False,
    )
    # Forward, and the gradient of the weights; the inputs need none.
    assert count_operations(step, bf16=False) == 2 * (2 * 4 * 8 * 16)


@pytest.mark.parametrize("stage", ["stage1", "stage4"])
def test_a_stages_step_is_measured(stage):
    args = argparse.Namespace(preset="smoke", photos=2, precision="float32", repeats=1)
    found = measure_stage(stage, args, torch.device("cpu"))
    assert (found["stage"], found["precision"], found["photosPerStep"]) == (stage, "float32", 2)
    assert 0 < found["shareOfPeak"] < 1.5
    assert found["imagesPerSecond"] > 0
    assert found["peakMemoryGib"] > 0.05


def test_a_measured_peak_is_a_rate():
    assert matrix_peak(torch.device("cpu"), False, repeats=1) > 1e8


def test_a_step_leaves_gradients_on_what_learns_only():
    step = make_step("stage2", "smoke", torch.device("cpu"), Shapes(photos=2, tokens=4, positions=9))
    take_step(step, step.loss)
    frozen = step.model.language.encoder.layer[0].output.dense.weight
    learns = step.model.language.encoder.layer[-1].output.dense.weight
    assert frozen.grad is None
    assert learns.grad is not None and learns.grad.abs().sum() > 0
