"""Rounding that makes up for itself, against least squares solved column by column."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from evaluation_fixtures import tiny_bert

from groundwire_training.graph_onnx import Graph, export_float32
from groundwire_training.language_onnx import language_graph
from groundwire_training.rounding import DAMPING, gram_matrices, gram_of, round_compensated
from groundwire_training.visual_stream import VisualStream


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [6, 16], scales of blocks of 8, and correlated inputs [200, 16]."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(6, 16))
    inputs = random.normal(size=(200, 4)) @ random.normal(size=(4, 16)) + 0.3 * random.normal(size=(200, 16))
    peaks = np.abs(rows.reshape(12, 8)).max(1) / 7
    return rows, np.repeat(peaks, 8).reshape(6, 16), inputs


def slow_rounding(rows: np.ndarray, scales: np.ndarray, gram: np.ndarray, most: int) -> np.ndarray:
    """After each column is rounded, the columns left are solved anew for the least change of the output."""
    curvature = gram + np.eye(len(gram)) * DAMPING * np.diag(gram).mean()
    left, codes = rows.copy(), np.zeros_like(rows)
    order = list(np.argsort(-np.diag(gram), kind="stable"))
    for place, column in enumerate(order):
        codes[:, column] = np.clip(np.rint(left[:, column] / scales[:, column]), -most, most)
        change = codes[:, column] * scales[:, column] - left[:, column]
        rest = order[place + 1 :]
        if rest:
            answer = np.linalg.solve(curvature[np.ix_(rest, rest)], curvature[rest, column])
            left[:, rest] -= change[:, None] * answer
    return codes


def test_codes_equal_those_of_least_squares_solved_anew_for_every_column():
    rows, scales, inputs = problem()
    gram = inputs.T @ inputs
    codes = round_compensated(rows, scales, gram, 7)
    # A value on the edge between two codes may fall to either side in float32.
    assert (codes == slow_rounding(rows, scales, gram, 7)).mean() > 0.97


def test_the_output_moves_less_than_after_plain_rounding():
    rows, scales, inputs = problem()
    codes = round_compensated(rows, scales, inputs.T @ inputs, 7)
    plain = np.clip(np.rint(rows / scales), -7, 7)
    moved = [np.square(inputs @ (rows - c * scales).T).mean() for c in (codes, plain)]
    assert moved[0] < 0.5 * moved[1]


@pytest.mark.parametrize(
    "gram",
    [np.eye(16), np.zeros((16, 16)), np.full((16, 16), 1e-44)],
    ids=["independent", "silent", "nearly silent"],
)
def test_independent_and_silent_inputs_leave_plain_rounding(gram):
    rows, scales, _ = problem()
    plain = np.clip(np.rint(rows / scales), -7, 7)
    np.testing.assert_array_equal(round_compensated(rows, scales, gram, 7), plain)


def test_gram_matrices_are_sums_over_all_that_a_layer_saw():
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2))
    batches = [torch.randn(2, 5, 3), torch.randn(4, 3)]
    grams = gram_matrices(layer, lambda: [layer(batch) for batch in batches])
    seen = torch.cat([batch.reshape(-1, 3) for batch in batches])
    np.testing.assert_allclose(grams["/0/"], seen.T @ seen, rtol=1e-5)
    assert not layer[0]._forward_hooks


def test_a_pointwise_convolution_is_a_linear_layer_of_every_position():
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.Conv2d(2, 2, 3))
    images = torch.randn(2, 3, 4, 5)
    grams = gram_matrices(layer, lambda: layer(images))
    seen = images.permute(0, 2, 3, 1).reshape(-1, 3)
    assert list(grams) == ["/0/"]
    np.testing.assert_allclose(grams["/0/"], seen.T @ seen, rtol=1e-5)


def readers(path) -> list[str]:
    """Names of the nodes that read a two-dimensional weight."""
    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    return [
        node.name for node in graph.node if node.op_type in ("MatMul", "Gemm") and weights & set(node.input)
    ]


@pytest.mark.parametrize("kind", ["language", "visual"])
def test_every_linear_layer_of_a_graph_finds_its_gram_matrix(kind, tmp_path):
    if kind == "language":
        module, graph = (bert := tiny_bert()), language_graph(bert, "mean", 16)
        inputs = torch.ones(1, 4, dtype=torch.long)
    else:
        module = VisualStream(channels=6, positions=4, width=8, heads=2).eval()
        inputs = torch.randn(2, 4, 6)
        sizes = [(2,)]
        axes = {0: "batch"}
        graph = Graph(
            module=module,
            inputs={"x": axes},
            outputs={"y": axes},
            example=lambda rows: (torch.randn(rows, 4, 6),),
            sizes=sizes,
        )
    grams = gram_matrices(module, lambda: module(inputs))
    export_float32(graph, tmp_path / "graph.onnx")
    names = readers(tmp_path / "graph.onnx")
    assert len(names) == len(grams)
    assert all(gram_of(name, grams) is not None for name in names)
