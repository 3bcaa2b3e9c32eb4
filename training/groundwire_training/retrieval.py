"""The model of stage 4: pooled heads on frozen streams, photos and texts into one space compared by cosine.

Shapes: B rows, N states of a row (tokens or positions), D width, H pooling heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .stage4_config import Stage4Config
from .two_stream import SharedHeads

POOLINGS = ("mean", "attention")


@dataclass(frozen=True)
class RetrievalBatch:
    """One rank's photos and one caption of each, as states of the frozen streams."""

    grid_bpd: Tensor
    trunk_bc: Tensor  # mean of the trunk's grid
    tokens_btd: Tensor
    mask_bt: Tensor


class RetrievalOutput(NamedTuple):
    photo_bd: Tensor
    text_bd: Tensor
    matched_grid_bpd: Tensor  # rows of the matchmap's refit, in its space
    matched_tokens_btd: Tensor


class PooledHead(nn.Module):
    """Stage 3's projection, then Linear-ReLU-Dropout-Linear on each state, then pooling (section 2.5).

    The projection is a frozen copy: only what follows it learns.
    """

    def __init__(self, projection: nn.Linear, config: Stage4Config, *, trunk_channels: int = 0) -> None:
        super().__init__()
        width = projection.out_features
        if config.pooling not in POOLINGS:
            raise ValueError(f"pooling: must be one of {', '.join(POOLINGS)}, got {config.pooling!r}")
        if width % config.pooling_heads:
            raise ValueError(f"pooling_heads: must divide the width {width}, got {config.pooling_heads}")
        self.projection = nn.Linear(projection.in_features, width)
        self.projection.load_state_dict(projection.state_dict())
        self.projection.requires_grad_(False)
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, width)
        self.weigh = nn.Linear(width, config.pooling_heads) if config.pooling == "attention" else None
        if self.weigh is not None:
            nn.init.zeros_(self.weigh.weight)
            nn.init.zeros_(self.weigh.bias)
        self.skip = nn.Linear(trunk_channels, width) if trunk_channels else None

    def forward(self, states_bnd: Tensor, mask_bn: Tensor, trunk_bc: Tensor | None = None) -> Tensor:
        hidden_bnd = torch.relu(self.hidden(self.projection(states_bnd)))
        out_bnd = self.out(self.dropout(hidden_bnd)).float()
        if self.weigh is None:
            scores_bnh = out_bnd.new_zeros(*out_bnd.shape[:2], 1)
        else:
            scores_bnh = self.weigh(hidden_bnd).float()
        # Equal scores under the mask are the masked mean.
        weights_bnh = scores_bnh.masked_fill(mask_bn.unsqueeze(-1) == 0, float("-inf")).softmax(1)
        heads_bnhk = out_bnd.unflatten(2, (weights_bnh.shape[2], -1))
        pooled_bd = (heads_bnhk * weights_bnh.unsqueeze(-1)).sum(1).flatten(1)
        return pooled_bd if self.skip is None else pooled_bd + self.skip(self.dropout(trunk_bc)).float()


class Retrieval(nn.Module):
    """Both pooled heads, sigma, and the matchmap's two linear heads, which share nothing with them."""

    def __init__(
        self, query: nn.Linear, key: nn.Linear, match: SharedHeads, config: Stage4Config, trunk_channels: int
    ) -> None:
        super().__init__()
        self.text = PooledHead(query, config)
        self.photo = PooledHead(key, config, trunk_channels=trunk_channels if config.trunk_skip else 0)
        self.log_sigma = nn.Parameter(torch.tensor(math.log(config.sigma)), requires_grad=config.learn_sigma)
        self.match = match
        self.matched_rows = config.matchmap_rows if config.matchmap_weight else 0
        match.requires_grad_(self.matched_rows > 0)

    def forward(self, batch: RetrievalBatch) -> RetrievalOutput:
        return RetrievalOutput(
            photo_bd=self.embed_photos(batch.grid_bpd, batch.trunk_bc),
            text_bd=self.text(batch.tokens_btd, batch.mask_bt),
            matched_grid_bpd=self.match.visual(batch.grid_bpd[: self.matched_rows]),
            matched_tokens_btd=self.match.language(batch.tokens_btd[: self.matched_rows]),
        )

    def embed_photos(self, grid_bpd: Tensor, trunk_bc: Tensor) -> Tensor:
        every_bp = torch.ones(grid_bpd.shape[:2], dtype=torch.long, device=grid_bpd.device)
        return self.photo(grid_bpd, every_bp, trunk_bc)

    def sigma(self) -> Tensor:
        return self.log_sigma.exp()
