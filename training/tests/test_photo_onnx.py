"""Graphs of the grounded parts: equal to PyTorch in any size, and to plain loops."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from groundwire_training import weights_onnx
from groundwire_training.config import STAGE2_PRESETS
from groundwire_training.cross_attention import CrossAttention
from groundwire_training.graph_onnx import TOLERANCE, Graph, export_float32
from groundwire_training.photo_onnx import (
    GroundingGraph,
    VisualGraph,
    folded,
    grounding_graph,
    retrieval_graph,
    visual_graph,
)
from groundwire_training.retrieval import Retrieval
from groundwire_training.rounding import gram_matrices
from groundwire_training.stage4_config import STAGE4_PRESETS
from groundwire_training.trunk import to_positions
from groundwire_training.two_stream import SharedHeads
from groundwire_training.visual_stream import VisualStream
from groundwire_training.weights_onnx import Storage, store_weights

WIDTH, POSITIONS, CHANNELS, SUBSPACE = 24, 49, 12, 8


class TinyTrunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, CHANNELS, 32, stride=32)

    def forward(self, image_b3hw: torch.Tensor) -> torch.Tensor:
        return to_positions(self.convolution(image_b3hw))


@pytest.fixture(scope="module")
def retrieval() -> Retrieval:
    torch.manual_seed(0)
    config = replace(STAGE4_PRESETS["smoke"], attention_skip=True, pooling_heads=4)
    match = SharedHeads(WIDTH, STAGE2_PRESETS["smoke"])
    model = Retrieval(nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), match, config)
    for side in (model.text, model.photo):
        nn.init.normal_(side.weigh.weight)
    return model.eval()


def grounding(match: SharedHeads) -> GroundingGraph:
    torch.manual_seed(1)
    attention = CrossAttention(width=WIDTH, heads=4, dropout=0.3)
    return GroundingGraph(
        match, attention, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, SUBSPACE), torch.tensor(3.0)
    ).eval()


def test_the_visual_graph_equals_pytorch_alone_and_in_a_batch(retrieval, tmp_path):
    visual = VisualStream(channels=CHANNELS, positions=POSITIONS, width=WIDTH, heads=4)
    module = VisualGraph(TinyTrunk(), visual, folded(retrieval.photo)).eval()
    assert export_float32(visual_graph(module), tmp_path / "visual.onnx") <= TOLERANCE


def test_rounding_sees_the_inputs_of_every_layer_of_the_photo_graphs(retrieval, tmp_path, monkeypatch):
    monkeypatch.setattr(weights_onnx, "MIN_STORED_SIZE", 1)
    visual = VisualStream(channels=CHANNELS, positions=POSITIONS, width=WIDTH, heads=4)
    seen = visual_graph(VisualGraph(TinyTrunk(), visual, folded(retrieval.photo)).eval())
    for graph in (seen, grounding_graph(grounding(retrieval.match), POSITIONS)):
        size = graph.sizes[0]
        grams = gram_matrices(
            graph.module, lambda graph=graph, size=size: graph.module(*graph.example(*size))
        )
        export_float32(graph, tmp_path / "float32.onnx")
        store_weights(tmp_path / "float32.onnx", tmp_path / "stored.onnx", [Storage("", 8, 32)], grams)
        for missing in (dict(list(grams.items())[:1]), {}):
            with pytest.raises(ValueError, match="no inputs of this layer were seen"):
                store_weights(
                    tmp_path / "float32.onnx", tmp_path / "stored.onnx", [Storage("", 8, 32)], missing
                )


def test_the_retrieval_graph_equals_pytorch_at_every_length(retrieval, tmp_path):
    assert (
        export_float32(retrieval_graph(folded(retrieval.text), WIDTH), tmp_path / "retrieval.onnx")
        <= TOLERANCE
    )


def test_the_grounding_graph_takes_any_number_of_words_and_objects(retrieval, tmp_path):
    graph = grounding_graph(grounding(retrieval.match), POSITIONS)
    assert {size[1:] for size in graph.sizes} >= {(1, 1), (128, 5)}
    assert export_float32(graph, tmp_path / "grounding.onnx") <= TOLERANCE


def test_evidence_is_the_inner_product_of_each_word_with_each_position(retrieval):
    module = grounding(retrieval.match)
    grid, tokens, objects = (torch.randn(1, n, WIDTH) for n in (POSITIONS, 2, 1))
    similarity, grounded = module(grid, tokens, objects)
    assert grounded.shape == (1, 1, SUBSPACE)
    for t in range(2):
        for p in range(0, POSITIONS, 7):
            word = retrieval.match.language(tokens[0, t])
            assert similarity[0, t, p].item() == pytest.approx(
                float(word @ retrieval.match.visual(grid[0, p])), abs=1e-5
            )


def test_a_folded_head_has_one_matrix_less_and_the_same_vectors(retrieval):
    states, mask, alone = torch.randn(3, 5, WIDTH), torch.ones(3, 5), torch.randn(3, WIDTH)
    smaller = folded(retrieval.photo)
    torch.testing.assert_close(
        smaller(states, mask, alone), retrieval.photo(states, mask, alone), atol=1e-5, rtol=1e-4
    )
    saved = sum(p.numel() for p in retrieval.photo.parameters()) - sum(
        p.numel() for p in smaller.parameters()
    )
    assert saved == WIDTH * WIDTH + WIDTH


def test_a_graph_that_computes_something_else_is_refused(tmp_path):
    class Drifting(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x + (0.0 if self.calls == 1 else 0.01)

    graph = Graph(
        module=Drifting(),
        inputs={"x": {0: "N"}},
        outputs={"y": {0: "N"}},
        example=lambda rows: (torch.randn(rows, 3),),
        sizes=[(2,)],
    )
    with pytest.raises(ValueError, match=r"drifting.onnx: differs from PyTorch by 1.00e-02"):
        export_float32(graph, tmp_path / "drifting.onnx")
