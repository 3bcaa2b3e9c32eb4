"""Visual stream: a trunk's grid -> 1x1 convolution to width D -> one spatial self-attention block.

A trunk may leave its last layers to the stream (`trunk.make_tail`): they then come first, and learn.

Paper, section 2.1. Shapes: B photos, P positions, C trunk channels, D width, H heads, K = D / H.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from .trunk import GRIDS, MobileNetV2Tail, make_tail

POSITIONS = ("none", "sinusoidal", "learned")


class VisualStream(nn.Module):
    """Grid features [B, P, C] -> position embeddings [B, P, D]."""

    def __init__(
        self,
        *,
        channels: int,
        positions: int,
        width: int,
        heads: int = 12,
        dropout: float = 0.1,
        position: str = "learned",
        tail: MobileNetV2Tail | None = None,
    ) -> None:
        super().__init__()
        self.tail = tail
        # A 1x1 convolution over a flattened grid is a linear map of each position.
        self.embedder = nn.Linear(channels, width)
        self.input_dropout = nn.Dropout(dropout)
        self.attention = SpatialAttention(
            positions=positions, width=width, heads=heads, dropout=dropout, position=position
        )

    def forward(self, grid_bpc: Tensor) -> Tensor:
        return self.attention(self.embed(grid_bpc))

    def embed(self, grid_bpc: Tensor) -> Tensor:
        """Position embeddings [B, P, D] before any position has seen the others."""
        if self.tail is not None:
            grid_bpc = self.tail(grid_bpc)
        return self.embedder(self.input_dropout(grid_bpc))


def make_visual(
    trunk: str, *, width: int, heads: int, dropout: float, position: str, positions: int | None = None
) -> VisualStream:
    """The stream that goes with a trunk. `positions`: another number than the trunk has at 224 pixels."""
    grid = GRIDS[trunk].seen
    return VisualStream(
        channels=grid.channels,
        positions=positions or grid.positions,
        width=width,
        heads=heads,
        dropout=dropout,
        position=position,
        tail=make_tail(trunk),
    )


class SpatialAttention(nn.Module):
    """One post-norm transformer block whose positions enter queries, keys and values, not the residual."""

    def __init__(self, *, positions: int, width: int, heads: int, dropout: float, position: str) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads: must divide the width {width}, got {heads}")
        self.heads = heads
        self.dropout = dropout
        self.position = make_positions(position, positions, width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )
        self.output_norm = nn.LayerNorm(width)
        self.output_dropout = nn.Dropout(dropout)

    def forward(self, hidden_bpd: Tensor) -> Tensor:
        placed = hidden_bpd if self.position is None else hidden_bpd + self.position
        attended_bhpk = scaled_dot_product_attention(
            self.split(self.query(placed)),
            self.split(self.key(placed)),
            self.split(self.value(placed)),
            dropout_p=self.dropout if self.training else 0.0,
        )
        attended = self.output(attended_bhpk.transpose(1, 2).flatten(2))
        hidden = self.attention_norm(hidden_bpd + self.output_dropout(attended))
        return self.output_norm(hidden + self.output_dropout(self.feed_forward(hidden)))

    def split(self, x_bpd: Tensor) -> Tensor:
        """[B, P, D] -> [B, H, P, K]"""
        return x_bpd.unflatten(2, (self.heads, -1)).transpose(1, 2)


def make_positions(kind: str, positions: int, width: int) -> Tensor | nn.Parameter | None:
    if kind == "none":
        return None
    if kind == "learned":
        return nn.Parameter(torch.randn(positions, width) * 0.02)
    if kind == "sinusoidal":
        return nn.Buffer(sinusoidal_table(positions, width), persistent=False)
    raise ValueError(f"position: must be one of {', '.join(POSITIONS)}, got {kind!r}")


def sinusoidal_table(positions: int, width: int) -> Tensor:
    """The standard table [P, D]: sin(p / 10000^(2i/D)) in even channels, cos in odd ones."""
    position_p1 = torch.arange(positions, dtype=torch.float32).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    table = torch.zeros(positions, width)
    table[:, 0::2] = torch.sin(position_p1 * frequency)
    table[:, 1::2] = torch.cos(position_p1 * frequency)[:, : width // 2]
    return table
