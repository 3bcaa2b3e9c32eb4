"""The relation head as files of a bundle: `relations.onnx` (`g`) and `relations.bin` (the operators)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .graph_onnx import Graph
from .relations import RelationHead

CHECKED_BATCHES = (1, 33)


def relations_graph(head: RelationHead) -> Graph:
    """`objects` float32 [N, D] -> `imagined` [N, R]."""
    head = head.eval().float()
    width = head.imagined.norm.normalized_shape[0]
    return Graph(
        module=head.imagined,
        inputs={"objects": {0: "N"}},
        outputs={"imagined": {0: "N"}},
        example=lambda rows: (torch.randn(rows, width),),
        sizes=[(rows,) for rows in CHECKED_BATCHES],
    )


def write_operators(head: RelationHead, path: Path) -> None:
    """float32 little-endian: operators [P, R, R] of unit Frobenius norm, then the bias [P]."""
    with torch.inference_mode():
        operators = head.relations.unit_operators().numpy().astype("<f4")
        bias = head.relations.bias.numpy().astype("<f4")
    path.write_bytes(operators.tobytes() + bias.tobytes())


def read_operators(path: Path, predicates: int, subspace: int) -> tuple[np.ndarray, np.ndarray]:
    """Operators [P, R, R] and bias [P] of `relations.bin`."""
    values = np.fromfile(path, dtype="<f4")
    expected = predicates * (subspace * subspace + 1)
    if len(values) != expected:
        raise ValueError(
            f"{path.name}: must hold {expected} numbers for {predicates} predicates, got {len(values)}"
        )
    return values[:-predicates].reshape(predicates, subspace, subspace), values[-predicates:]
