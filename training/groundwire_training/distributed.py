"""Rows of every process as one batch, with gradients.

Each rank computes the loss over the whole batch. Gathering sends each rank's rows everywhere and sums their
gradients on the way back; data-parallel averaging then divides by the number of ranks, so that parameters
get exactly the gradient that one process would have computed.
"""

from __future__ import annotations

import torch
import torch.distributed.nn.functional
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """[N, ...] on each rank -> [N x ranks, ...] in rank order; unchanged in a single process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return rows
    return torch.cat(torch.distributed.nn.functional.all_gather(rows.contiguous()))


def rank_slice(count: int, rank: int, world: int) -> slice:
    """Rows of one rank. Raises `ValueError` where the ranks' shares would differ."""
    if count % world:
        raise ValueError(f"rows of a step: must divide among {world} processes, got {count}")
    share = count // world
    return slice(rank * share, (rank + 1) * share)
