"""Graphs of the grounded parts: `visual.onnx`, `retrieval.onnx` and `grounding.onnx`.

Shapes: B photos or texts, P positions, T tokens, N objects, D width, R subspace.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .cross_attention import CrossAttention
from .graph_onnx import Graph
from .images import IMAGE_SIZE
from .retrieval import PooledHead
from .two_stream import SharedHeads
from .visual_stream import VisualStream

BATCHES = (1, 33)
LENGTHS = (1, 128)


class VisualGraph(nn.Module):
    """`image` [B, 3, 224, 224] -> `grid` [B, P, D] of the visual stream, `embedding` [B, D] for retrieval."""

    def __init__(self, trunk: nn.Module, visual: VisualStream, head: PooledHead) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head
        # The stream's parts and not the stream, so that the graph's nodes bear the paths of their layers.
        self.tail, self.embedder, self.attention = visual.tail, visual.embedder, visual.attention

    def forward(self, image_b3hw: Tensor) -> tuple[Tensor, Tensor]:
        seen_bpc = self.trunk(image_b3hw)
        alone_bpd = self.embedder(seen_bpc if self.tail is None else self.tail(seen_bpc))
        grid_bpd = self.attention(alone_bpd)
        every_bp = torch.ones_like(grid_bpd[:, :, 0], dtype=torch.long)
        return grid_bpd, self.head(grid_bpd, every_bp, alone_bpd.mean(1))


class GroundingGraph(nn.Module):
    """Evidence for words in a photo, and grounded objects in the relation subspace.

    `similarity` [B, T, P] is the matchmap after both linear heads: unnormalised inner products, without the
    learned factor over sigma. `grounded` [B, N, R] is scored by the operators of `relations.bin`.
    """

    def __init__(
        self,
        match: SharedHeads,
        attention: CrossAttention,
        norm: nn.LayerNorm,
        subspace: nn.Linear,
        scale: Tensor,
    ) -> None:
        super().__init__()
        # The heads and not their holder: see VisualGraph.
        self.language, self.visual = match.language, match.visual
        self.attention, self.norm, self.subspace = attention, norm, subspace
        self.register_buffer("scale", scale.detach().clone())

    def forward(self, grid_bpd: Tensor, tokens_btd: Tensor, objects_bnd: Tensor) -> tuple[Tensor, Tensor]:
        similarity_btp = self.language(tokens_btd) @ self.visual(grid_bpd).transpose(1, 2)
        all_bn = torch.ones_like(objects_bnd[:, :, 0], dtype=torch.bool)
        grounded_bnd = self.norm(self.attention(objects_bnd, grid_bpd, all_bn))
        return similarity_btp, self.subspace(grounded_bnd) * self.scale


def visual_graph(module: VisualGraph) -> Graph:
    def example(batch: int) -> tuple[Tensor, ...]:
        return (torch.rand(batch, 3, IMAGE_SIZE, IMAGE_SIZE) * 2 - 1,)

    return Graph(
        module=module,
        inputs={"image": {0: "batch"}},
        outputs={"grid": {0: "batch"}, "embedding": {0: "batch"}},
        example=example,
        sizes=[(batch,) for batch in BATCHES],
    )


def retrieval_graph(head: PooledHead, width: int) -> Graph:
    """`tokens` [B, T, D], `attention_mask` int64 [B, T] -> `embedding` [B, D], not normalised."""

    def example(batch: int, length: int) -> tuple[Tensor, ...]:
        mask = torch.ones(batch, length, dtype=torch.long)
        mask[1::2, (length + 1) // 2 :] = 0
        return torch.randn(batch, length, width), mask

    axes = {0: "batch", 1: "length"}
    return Graph(
        module=head,
        inputs={"tokens": axes, "attention_mask": axes},
        outputs={"embedding": {0: "batch"}},
        example=example,
        sizes=[(batch, length) for batch in BATCHES for length in LENGTHS],
    )


def grounding_graph(module: GroundingGraph, positions: int) -> Graph:
    width = module.subspace.in_features

    def example(batch: int, tokens: int, objects: int) -> tuple[Tensor, ...]:
        return tuple(torch.randn(batch, rows, width) for rows in (positions, tokens, objects))

    return Graph(
        module=module,
        inputs={
            "grid": {0: "batch"},
            "tokens": {0: "batch", 1: "length"},
            "objects": {0: "batch", 1: "objects"},
        },
        outputs={
            "similarity": {0: "batch", 1: "length"},
            "grounded": {0: "batch", 1: "objects"},
        },
        example=example,
        sizes=[(batch, tokens, objects) for batch in BATCHES for tokens in LENGTHS for objects in (1, 5)],
    )


@torch.no_grad()
def folded(head: PooledHead) -> PooledHead:
    """The same head, smaller: its projection and its hidden layer as one linear map."""
    joined = copy.deepcopy(head)
    weight, bias = joined.joined_weights()
    joined.hidden.weight.copy_(weight)
    joined.hidden.bias.copy_(bias)
    joined.projection = None
    return joined
