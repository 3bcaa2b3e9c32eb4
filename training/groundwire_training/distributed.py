"""Rows of every process as one batch, with gradients.

Each rank computes the loss over the whole batch. Gathering sends each rank's rows everywhere and sums their
gradients on the way back; data-parallel averaging then divides by the number of ranks, so that parameters
get exactly the gradient that one process would have computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed.nn.functional
from accelerate import PartialState
from torch import Tensor

Found = TypeVar("Found")
POLL_SECONDS = 1.0


def gather_rows(rows: Tensor) -> Tensor:
    """[N, ...] on each rank -> [N x ranks, ...] in rank order; unchanged in a single process."""
    if not is_distributed():
        return rows
    gathered = torch.cat(torch.distributed.nn.functional.all_gather(rows.contiguous()))
    return ContiguousGradient.apply(gathered)


class ContiguousGradient(torch.autograd.Function):
    """The identity. Its gradient is laid out row by row, which the exchange between ranks takes for granted:
    an einsum hands back a transposed view, whose elements would otherwise arrive in another order."""

    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        return rows.view_as(rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient.contiguous()


def gather_ragged(rows: Tensor) -> Tensor:
    """[N_rank, ...] on each rank -> [sum of N_rank, ...] in rank order; ranks may hold any number of rows."""
    if not is_distributed():
        return rows
    count = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(count) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(counts, count)
    sizes = [int(c) for c in counts]
    padded = torch.cat([rows, rows.new_zeros(max(sizes) - len(rows), *rows.shape[1:])])
    blocks = gather_rows(padded).split(max(sizes)) if max(sizes) else [padded] * len(sizes)
    return torch.cat([block[:size] for block, size in zip(blocks, sizes, strict=True)])


def is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def join_processes() -> PartialState:
    """This process's place among those that `torchrun` or `accelerate launch` has started, if any."""
    return PartialState(cpu=not torch.cuda.is_available())


def from_main_process(find: Callable[[], Found | None], make: Callable[[], Found]) -> Found:
    """What `find` finds or, where there is nothing, what the main process makes; the others find it then.

    They look again and again: a barrier of the process group gives up after ten minutes, and this may take hours.
    """
    if join_processes().is_main_process:
        found = find()
        return make() if found is None else found
    while (found := find()) is None:
        time.sleep(POLL_SECONDS)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(POLL_SECONDS)


def rank_slice(count: int, rank: int, world: int) -> slice:
    """Rows of one rank. Raises `ValueError` where the ranks' shares would differ."""
    if count % world:
        raise ValueError(f"rows of a step: must divide among {world} processes, got {count}")
    share = count // world
    return slice(rank * share, (rank + 1) * share)
