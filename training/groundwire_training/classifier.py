"""Stage 1's model: the visual stream with a classifier on top (paper, section 2.1).

Shapes: B photos, P positions, C trunk channels, D width, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .trunk import GRIDS
from .visual_stream import VisualStream, make_visual

POOLED_SIDE = 7


@dataclass(frozen=True)
class PhotoBatch:
    grid_bpc: Tensor
    labels_b: Tensor


class ClassifierHead(nn.Module):
    """Position embeddings -> 2x2 max pool to 7x7 (not for grids that are 7x7 already) -> MLP."""

    def __init__(self, *, side: int, width: int, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        if side not in (POOLED_SIDE, 2 * POOLED_SIDE):
            raise ValueError(f"grid: must have 7 or 14 positions a side for the classifier, got {side}")
        self.side = side
        self.pool = nn.MaxPool2d(2) if side == 2 * POOLED_SIDE else nn.Identity()
        self.layers = nn.Sequential(
            nn.Linear(width * POOLED_SIDE**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, grid_bpd: Tensor) -> Tensor:
        """[B, P, D] -> logits [B, K]"""
        grid_bdgg = grid_bpd.transpose(1, 2).unflatten(2, (self.side, self.side))
        return self.layers(self.pool(grid_bdgg).flatten(1))


class VisualClassifier(nn.Module):
    def __init__(self, visual: VisualStream, head: ClassifierHead) -> None:
        super().__init__()
        self.visual = visual
        self.head = head

    def forward(self, batch: PhotoBatch) -> Tensor:
        return self.head(self.visual(batch.grid_bpc))


def make_classifier(
    trunk: str, *, width: int, heads: int, hidden: int, classes: int, dropout: float, position: str
) -> VisualClassifier:
    visual = make_visual(trunk, width=width, heads=heads, dropout=dropout, position=position)
    head = ClassifierHead(
        side=GRIDS[trunk].seen.side, width=width, hidden=hidden, classes=classes, dropout=dropout
    )
    return VisualClassifier(visual, head)
