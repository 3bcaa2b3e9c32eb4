"""Exports the relation head: `relations.onnx` (`g`), `relations.bin` (operators), `predicates.json`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from .relations import RelationHead, write_predicates

TOLERANCE = 1e-4  # largest absolute difference to PyTorch in float32 (contract)
CHECKED_BATCHES = (1, 33)


def export_relations(head: RelationHead, out_dir: Path) -> float:
    """Writes the three files and returns the largest absolute difference between ONNX and PyTorch.

    The graph maps `objects` float32 [N, D] to `imagined` [N, R]; the binary holds float32 little-endian
    operators [P, R, R] of unit Frobenius norm, then the bias [P].
    """
    head = head.eval().float()
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / "relations.onnx"
    width = head.imagined.norm.normalized_shape[0]
    torch.onnx.export(
        head.imagined,
        (torch.randn(2, width),),
        str(path),
        input_names=["objects"],
        output_names=["imagined"],
        dynamic_axes={"objects": {0: "N"}, "imagined": {0: "N"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(path))
    write_operators(head, out_dir / "relations.bin")
    write_predicates(head.predicates, out_dir / "predicates.json")
    difference = compare(head, path, width)
    if difference > TOLERANCE:
        raise ValueError(
            f"relations.onnx: differs from PyTorch by {difference:.2e}, at most {TOLERANCE:.0e} is allowed"
        )
    return difference


def write_operators(head: RelationHead, path: Path) -> None:
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


def compare(head: RelationHead, path: Path, width: int) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for rows in CHECKED_BATCHES:
        objects = torch.randn(rows, width, generator=generator)
        with torch.inference_mode():
            expected = head.imagined(objects).numpy()
        (got,) = session.run(["imagined"], {"objects": objects.numpy()})
        worst = max(worst, float(np.abs(got - expected).max()))
    return worst
