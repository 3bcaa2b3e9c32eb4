"""What a bundle's graphs will see, so that rounding can make up where it matters: training texts and photos."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from .data import load_split
from .images import iterate_photos
from .photo_onnx import GroundingGraph, VisualGraph
from .retrieval import PooledHead
from .rounding import gram_matrices
from .trunk import to_input
from .words import content_words

CAPTIONS = 400
PHOTOS = 96
PHOTO_BATCH = 16
TEXT_BATCH = 64

Grams = dict[str, np.ndarray]


def training_captions(data: Path) -> list[str]:
    """One caption of each of the first training photos."""
    return [captions[0] for captions in load_split(data, "train").captions[:CAPTIONS]]


def training_photos(data: Path) -> Tensor:
    """The first training photos as the visual graph reads them, float32 [N, 3, 224, 224]."""
    photos = islice(iterate_photos(load_split(data, "train").sources, []), PHOTOS)
    return to_input(torch.from_numpy(np.stack([image for _, image in photos])))


def language_grams(bert: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> Grams:
    return gram_matrices(bert, lambda: [bert(input_ids=ids) for ids in unpadded(tokenizer, texts)])


def photo_grams(
    visual: VisualGraph,
    head: PooledHead,
    evidence: GroundingGraph,
    *,
    bert: Any,
    tokenizer: Tokenizer,
    data: Path,
) -> tuple[Grams, Grams, Grams]:
    """Gram matrices of the visual, the retrieval and the grounding graph."""
    captions, photos = training_captions(data)[:PHOTOS], training_photos(data)
    grids: list[Tensor] = []
    seen = gram_matrices(
        visual, lambda: grids.extend(visual(images)[0] for images in photos.split(PHOTO_BATCH))
    )
    grid = torch.cat(grids)
    words = sorted({word for caption in captions for word in content_words(caption)})
    objects = torch.cat(
        [tokens[:, 1:-1].mean(1) for tokens in read_tokens(bert, tokenizer, words or captions)]
    )
    read = read_tokens(bert, tokenizer, captions)

    def show_evidence() -> None:
        # Photo i with its share of the objects: every object and every photo is seen once.
        for i, one in enumerate(grid):
            evidence(
                one[None],
                read[i % len(read)].flatten(0, 1)[None],
                objects[None, i % len(objects) :: len(grid)],
            )

    def show_texts() -> None:
        for tokens in read:
            head(tokens, torch.ones(tokens.shape[:2], dtype=torch.long))

    return seen, gram_matrices(head, show_texts), gram_matrices(evidence, show_evidence)


@torch.inference_mode()
def read_tokens(bert: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tensor]:
    """Last layer's tokens [B, T, D], one block a length."""
    return [bert(input_ids=ids).last_hidden_state for ids in unpadded(tokenizer, texts)]


def unpadded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tensor]:
    """Token ids [B, T], texts of one length together: padding is no input that a product must get right."""
    by_length: dict[int, list[list[int]]] = {}
    for encoding in tokenizer.encode_batch(list(texts)):
        by_length.setdefault(len(encoding.ids), []).append(encoding.ids)
    return [block for rows in by_length.values() for block in torch.tensor(rows).split(TEXT_BATCH)]
