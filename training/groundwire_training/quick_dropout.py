"""Dropout for CPUs, where PyTorch's draws are a noticeable part of a training step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

LEVELS = 1 << 16  # of a drawn number, and so the steps in which a rate is met


class QuickDropout(nn.Dropout):
    """`nn.Dropout`, its rate met to 1 / 65,536. What it draws depends on PyTorch's seed alone, as there."""

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training or self.p == 0 or hidden.device.type != "cpu":
            return dropout(hidden, self.p, self.training)
        return hidden * draw_factors(hidden, self.p)


def draw_factors(like: Tensor, rate: float) -> Tensor:
    """Of the shape and type of `like`: 0 with probability `rate`, else what keeps the mean."""
    seed = int(torch.randint(torch.iinfo(torch.int64).max, ()))
    words = np.random.SFC64(seed).random_raw(-(-like.numel() // 4))
    kept = words.view(np.uint16)[: like.numel()] >= round(rate * LEVELS)
    return torch.from_numpy(kept).view(like.shape).to(like.dtype).mul_(1 / (1 - rate))


def quicken_dropout(module: nn.Module) -> None:
    """Puts a `QuickDropout` of the same rate in the place of every `nn.Dropout` inside the module."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, QuickDropout(child.p))
