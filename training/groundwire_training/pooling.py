"""The one pooling of a product's vectors: tokens of a text to its embedding."""

from __future__ import annotations

import torch
from torch import Tensor

POOLINGS = ("mean", "mean-words")


def pool(tokens: Tensor, attention_mask: Tensor, pooling: str) -> Tensor:
    """Masked mean of `tokens` [B, T, D] -> [B, D], not normalized.

    `mean` runs over all real tokens; `mean-words` leaves out [CLS] and [SEP], the first and the last real
    token, as the paper's word embedding does (section 3.4). Written so that it can be exported as a graph.

    Raises ValueError for another name.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be mean or mean-words, is {pooling!r}")
    mask = attention_mask.to(tokens.dtype)
    if pooling == "mean-words":
        # A real token is inside where both its neighbors are real; the first and the last are not.
        before = torch.nn.functional.pad(mask, (1, 0))[:, :-1]
        after = torch.nn.functional.pad(mask, (0, 1))[:, 1:]
        inside = mask * before * after
        # A text of special tokens alone keeps them: a mean over nothing is not a number.
        mask = torch.where(inside.sum(1, keepdim=True) > 0, inside, mask)
    weights = mask.unsqueeze(-1)
    return (tokens * weights).sum(1) / weights.sum(1)
