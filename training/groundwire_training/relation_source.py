"""Relations of a measured model: from a bundle's files, or from the checkpoint of a run's stage 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from .embedder import Embedder, onnx_session
from .predicates import Predicate
from .relation_metrics import Imagine
from .relations import load_relations, read_predicates
from .relations_onnx import read_operators


class RelationSource(NamedTuple):
    imagine: Imagine
    operators: np.ndarray
    bias: np.ndarray
    predicates: list[Predicate]


def from_bundle(bundle: Path, embed: Embedder) -> RelationSource | None:
    """None for a bundle without relations."""
    if not (bundle / "relations.onnx").is_file():
        return None
    session = onnx_session(bundle, "relations.onnx")
    predicates = read_predicates(bundle / "predicates.json")

    def imagine(names: Sequence[str]) -> np.ndarray:
        return session.run(["imagined"], {"objects": embed(names)})[0]

    subspace = imagine(["thing"]).shape[1]
    operators, bias = read_operators(bundle / "relations.bin", len(predicates), subspace)
    return RelationSource(imagine, operators, bias, predicates)


def from_run(run: Path, embed: Embedder) -> RelationSource:
    head = load_relations(run / "stage3" / "relations")

    @torch.inference_mode()
    def imagine(names: Sequence[str]) -> np.ndarray:
        return head.imagined(torch.from_numpy(embed(names))).numpy()

    with torch.inference_mode():
        operators, bias = head.relations.unit_operators().numpy(), head.relations.bias.numpy()
    return RelationSource(imagine, operators, bias, head.predicates)
