"""What a step learns of properties: objects of one table, each with its versions ("yellow banana")."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from .distributed import gather_rows, rank_slice
from .losses import property_contrast
from .properties import PropertyTable
from .two_stream import PropertyBatch, Texts


def draw_properties(
    tables: Mapping[str, PropertyTable],
    objects: int,
    draw: np.random.Generator,
    encode: Callable[[list[str], slice], Texts],
    rank: int,
    world: int,
) -> PropertyBatch | None:
    """One rank's share of `objects` objects of one table; None without tables. `encode` takes all texts and a
    rank's rows of them, for all ranks pad alike."""
    if not tables:
        return None
    table = list(tables.values())[draw.integers(len(tables))]
    rows = table.draw(objects, draw)
    texts = [text for row in rows for text in (table.objects[row], *table.phrases(row))]
    mine = rank_slice(len(rows), rank, world)
    versions = 1 + len(table.values)
    encoded = encode(texts, slice(mine.start * versions, mine.stop * versions))
    shares, prior = (torch.from_numpy(values).float() for values in (table.shares[rows], table.log_prior))
    return PropertyBatch(encoded, shares.to(encoded.ids.device), prior.to(encoded.ids.device))


def property_loss(vectors_rd: Tensor, batch: PropertyBatch, sigma: float) -> Tensor:
    """`property_contrast` of all ranks' objects; `vectors_rd` are this rank's, in the order of its texts."""
    versions = 1 + batch.shares_ov.shape[1]
    objects = gather_rows(vectors_rd).unflatten(0, (-1, versions))
    return property_contrast(objects[:, 0], objects[:, 1:], batch.shares_ov, batch.log_prior_v, sigma=sigma)
