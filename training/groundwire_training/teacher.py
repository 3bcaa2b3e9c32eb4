"""Vectors of the ungrounded language model, kept on disk: a resumed run must not pay for them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .distributed import from_main_process

BATCH = 512


def teacher_vectors(
    texts: list[str], embed: Callable[[list[str]], Tensor], *, folder: Path, fingerprint: str
) -> Tensor:
    """float32 [V, D], from `folder` where it holds these texts' vectors of this model already.

    `fingerprint` must change with whatever changes a vector: weights, tokenizer, pooling, precision.
    """
    key = hashlib.sha256(json.dumps([fingerprint, texts]).encode()).hexdigest()
    path = folder / f"teacher-{key[:16]}.safetensors"
    return from_main_process(
        lambda: load_file(path)["vectors"] if path.is_file() else None,
        lambda: write_vectors(path, texts, embed),
    )


def write_vectors(path: Path, texts: list[str], embed: Callable[[list[str]], Tensor]) -> Tensor:
    vectors = embed_all(texts, embed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({"vectors": vectors}, partial)
    partial.replace(path)
    return vectors


@torch.no_grad()
def embed_all(texts: list[str], embed: Callable[[list[str]], Tensor]) -> Tensor:
    # Characters stand in for tokens: rows of like length need little padding.
    order = np.argsort([len(text) for text in texts], kind="stable")
    blocks = np.array_split(order, max(1, len(texts) // BATCH))
    vectors = [embed([texts[row] for row in block]).float().cpu() for block in blocks]
    restored = torch.empty_like(torch.cat(vectors))
    restored[torch.from_numpy(order)] = torch.cat(vectors)
    return restored
