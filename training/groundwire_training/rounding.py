"""Rounding that makes up for itself: each weight's error is spread over the weights not yet rounded.

After GPTQ (Frantar et al. 2023): with the inputs that a product really sees, given as their Gram matrix, the
later columns of a weight are moved so that the product's output stays where it was. Nothing is stored beside
the codes and scales of plain rounding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

# Share of the mean curvature added to each: inputs that never vary would let their weights run away.
DAMPING = 0.01
BLOCK = 64  # columns
# A module's index stays behind a dot in the names of nodes: `encoder.layer.0.output` is `encoder/layer.0/output`.
INDEX = r"\.(?!\d)"
# A sequence of layers also stands before its own part: `feed_forward/feed_forward.0`.
SEQUENCE = r"/(\w+)/\1\.(\d+)"


def round_compensated(rows: np.ndarray, scales: np.ndarray, gram: np.ndarray, most: int) -> np.ndarray:
    """Codes [N, D] of a weight [N, D], with scales [N, D] and the inputs' Gram matrix [D, D]."""
    left = torch.from_numpy(rows.astype(np.float32).copy())
    scale = torch.from_numpy(scales.astype(np.float32))
    curvature = torch.from_numpy(gram.astype(np.float64))
    diagonal = curvature.diagonal()
    mean = float(diagonal.mean())
    # Inputs that were always zero, or as good as, say nothing: all of a weight is then rounded plainly.
    silent = mean < torch.finfo(torch.float32).tiny
    curvature = curvature * (not silent) + torch.eye(len(gram), dtype=torch.float64) * (
        1 if silent else DAMPING * mean
    )
    # The columns that matter most go first, while most others can still make up for them.
    order = torch.argsort(diagonal, descending=True)
    curvature = curvature[order][:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(curvature))
    factor = torch.linalg.cholesky(inverse, upper=True).float()
    left, scale = left[:, order], scale[:, order]
    codes = torch.empty_like(left)
    width = left.shape[1]
    for first in range(0, width, BLOCK):
        last = min(first + BLOCK, width)
        errors = torch.empty(len(left), last - first)
        for column in range(first, last):
            code = (left[:, column] / scale[:, column]).round().clamp(-most, most)
            codes[:, column] = code
            error = (left[:, column] - code * scale[:, column]) / factor[column, column]
            left[:, column:last] -= error[:, None] * factor[column, column:last]
            errors[:, column - first] = error
        # Columns after the block are moved once, by a product, and not at each of its columns.
        left[:, last:] -= errors @ factor[first:last, last:]
    restored = torch.empty_like(codes)
    restored[:, order] = codes
    return restored.numpy()


@torch.inference_mode()
def gram_matrices(module: nn.Module, show: Callable[[], object]) -> dict[str, np.ndarray]:
    """Gram matrix [D, D] of the inputs of every linear layer or 1x1 convolution while `show` calls the module.

    Keys are the layers' paths as `gram_of` finds them in the names of a graph's nodes.
    """
    grams: dict[str, Tensor] = {}

    def listen(key: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            rows = inputs[0].movedim(1, -1) if isinstance(layer, nn.Conv2d) else inputs[0]
            flat = rows.flatten(0, -2).float()
            grams[key] = grams.get(key, 0) + (flat.T @ flat)

        return add

    hooks = [
        layer.register_forward_hook(listen(f"/{re.sub(INDEX, '/', name)}/"))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) or is_pointwise(layer)
    ]
    try:
        show()
    finally:
        for hook in hooks:
            hook.remove()
    return {key: gram.numpy() for key, gram in grams.items()}


def is_pointwise(layer: nn.Module) -> bool:
    """Whether it is a linear map of every position by itself."""
    return isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1


def gram_of(reader: str, grams: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The Gram matrix of the layer that a node of this name belongs to, if it was seen."""
    path = re.sub(SEQUENCE, r"/\1.\2", reader)
    return next((gram for key, gram in grams.items() if key in path), None)
