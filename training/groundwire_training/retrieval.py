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
    """One rank's photos and their captions, photo by photo, as states of the frozen streams."""

    grid_bpd: Tensor
    alone_bd: Tensor  # mean of the positions before the spatial attention
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

    def __init__(self, projection: nn.Linear, config: Stage4Config, *, skip: bool = False) -> None:
        super().__init__()
        width = projection.out_features
        if config.pooling not in POOLINGS:
            raise ValueError(f"pooling: must be one of {', '.join(POOLINGS)}, got {config.pooling!r}")
        if width % config.pooling_heads:
            raise ValueError(f"pooling_heads: must divide the width {width}, got {config.pooling_heads}")
        self.projection: nn.Linear | None = nn.Linear(projection.in_features, width)
        self.projection.load_state_dict(projection.state_dict())
        self.projection.requires_grad_(False)
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, width)
        self.weigh = nn.Linear(width, config.pooling_heads) if config.pooling == "attention" else None
        if self.weigh is not None:
            nn.init.zeros_(self.weigh.weight)
            nn.init.zeros_(self.weigh.bias)
        self.skip = nn.Linear(width, width) if skip else None

    def forward(self, states_bnd: Tensor, mask_bn: Tensor, alone_bd: Tensor | None = None) -> Tensor:
        """Not normalised, [B, D]. What is linear is done once: after pooling, and on the weights."""
        hidden_bnd = torch.relu(self.project(states_bnd))
        if self.weigh is None:
            scores_bnh = hidden_bnd.new_zeros(*hidden_bnd.shape[:2], 1)
        else:
            scores_bnh = self.weigh(hidden_bnd)
        # Equal scores under the mask are the masked mean.
        masked_bnh = scores_bnh.float().masked_fill(mask_bn.unsqueeze(-1) == 0, float("-inf"))
        weights_bhn = masked_bnh.softmax(1).to(hidden_bnd.dtype).transpose(1, 2)
        pooled_bd = self.own_shares(self.out(weights_bhn @ self.dropout(hidden_bnd)))
        return pooled_bd if self.skip is None else pooled_bd + self.skip(self.dropout(alone_bd)).float()

    def project(self, states_bnd: Tensor) -> Tensor:
        if self.projection is None:
            return self.hidden(states_bnd)
        return nn.functional.linear(states_bnd, *self.joined_weights())

    def joined_weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the projection and the hidden layer, with nothing between, as one map."""
        assert self.projection is not None, "a folded head has been joined before"
        weight, bias = self.projection.weight, self.projection.bias
        return self.hidden.weight @ weight, self.hidden.weight @ bias + self.hidden.bias

    def own_shares(self, out_bhd: Tensor) -> Tensor:
        """Of each pooling head's output the share of the width that is its own: [B, H, D] -> [B, D]."""
        heads = out_bhd.shape[1]
        shares_bhhk = out_bhd.float().unflatten(2, (heads, -1))
        own_hh1 = torch.eye(heads, device=out_bhd.device).unsqueeze(-1)
        return (shares_bhhk * own_hh1).sum(1).flatten(1)


class Retrieval(nn.Module):
    """Both pooled heads, sigma, and the matchmap's two linear heads, which share nothing with them."""

    def __init__(self, query: nn.Linear, key: nn.Linear, match: SharedHeads, config: Stage4Config) -> None:
        super().__init__()
        self.text = PooledHead(query, config)
        self.photo = PooledHead(key, config, skip=config.attention_skip)
        self.log_sigma = nn.Parameter(torch.tensor(math.log(config.sigma)), requires_grad=config.learn_sigma)
        self.match = match
        self.captions_per_photo = config.captions_per_photo
        self.matched_rows = config.matchmap_rows if config.matchmap_weight else 0
        match.requires_grad_(self.matched_rows > 0)

    def forward(self, batch: RetrievalBatch) -> RetrievalOutput:
        return RetrievalOutput(
            photo_bd=self.embed_photos(batch.grid_bpd, batch.alone_bd),
            text_bd=self.text(batch.tokens_btd, batch.mask_bt),
            matched_grid_bpd=self.match.visual(batch.grid_bpd[: self.matched_rows]),
            matched_tokens_btd=self.match.language(self.matched(batch.tokens_btd)),
        )

    def matched(self, captions: Tensor) -> Tensor:
        """Of what is given for every caption: the first captions of the photos that the refit sees."""
        return captions[:: self.captions_per_photo][: self.matched_rows]

    def embed_photos(self, grid_bpd: Tensor, alone_bd: Tensor) -> Tensor:
        every_bp = torch.ones(grid_bpd.shape[:2], dtype=torch.long, device=grid_bpd.device)
        return self.photo(grid_bpd, every_bp, alone_bd)

    def sigma(self) -> Tensor:
        return self.log_sigma.exp()
