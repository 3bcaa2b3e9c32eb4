"""Visually grounded objects: multi-head attention from descriptions to a photo's grid (paper, section 2.4).

Shapes: B photos, N objects, P positions, D width, H heads, K = D / H.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class CrossAttention(nn.Module):
    """Query = description, key and value = grid. The concatenated heads are the grounded object."""

    def __init__(self, *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads: must divide the width {width}, got {heads}")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, descriptions_bnd: Tensor, grid_bpd: Tensor, mask_bn: Tensor) -> Tensor:
        """Grounded objects [B, N, D], zero where `mask_bn` (bool) says that there is none."""
        attended_bhnk = scaled_dot_product_attention(
            self.split(self.query(descriptions_bnd)),
            self.split(self.key(grid_bpd)),
            self.split(self.value(grid_bpd)),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return attended_bhnk.transpose(1, 2).flatten(2).masked_fill(~mask_bn.unsqueeze(-1), 0.0)

    def split(self, x_bnd: Tensor) -> Tensor:
        """[B, N, D] -> [B, H, N, K]"""
        return x_bnd.unflatten(2, (self.heads, -1)).transpose(1, 2)
