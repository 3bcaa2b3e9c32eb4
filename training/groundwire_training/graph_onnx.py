"""From a PyTorch module to an ONNX graph that provably computes the same, in any batch and length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

OPSET = 18  # the first with BitwiseOr
TOLERANCE = 1e-4  # largest absolute difference to PyTorch in float32 (contract)

Axes = Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A module with named inputs and outputs, their dynamic axes, and inputs of any size to try it on."""

    module: nn.Module
    inputs: Mapping[str, Axes]
    outputs: Mapping[str, Axes]
    example: Callable[..., tuple[Tensor, ...]]
    sizes: Sequence[tuple[int, ...]]
    reference: Callable[..., Any] | None = None  # what the graph must equal, if not the module


def export_float32(graph: Graph, path: Path) -> float:
    """Writes the float32 graph; returns the largest absolute difference to PyTorch over all sizes.

    Raises `ValueError` where it exceeds the tolerance.
    """
    torch.manual_seed(0)
    # The example that is traced has no dimension of 1, which a trace may take for a constant.
    example = graph.example(*(max(2, size) for size in graph.sizes[0]))
    with torch.no_grad():
        torch.onnx.export(
            graph.module,
            example,
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: dict(axes) for name, axes in {**graph.inputs, **graph.outputs}.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(path))
    difference = max(difference_at(graph, path, size) for size in graph.sizes)
    if not difference <= TOLERANCE:
        raise ValueError(
            f"{path.name}: differs from PyTorch by {difference:.2e}, at most {TOLERANCE:.0e} is allowed"
        )
    return difference


@torch.inference_mode()
def difference_at(graph: Graph, path: Path, size: tuple[int, ...]) -> float:
    inputs = graph.example(*size)
    expected = (graph.reference or graph.module)(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in zip(graph.inputs, inputs, strict=True)}
    computed = session.run(list(graph.outputs), feeds)
    return max(float(np.abs(c - e.numpy()).max()) for c, e in zip(computed, expected, strict=True))
