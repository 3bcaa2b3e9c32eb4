"""The language stream as an ONNX graph: int8 storage, float32 arithmetic.

Every large weight is kept as int8 with one float32 scale for each block of 64 inputs of an output channel
(of each row of the embedding tables) behind a `DequantizeLinear`; one scale a channel loses too much. Folded at load, the arithmetic is plain float32, so that a text's vector
does not depend on the batch it travels in; dynamic int8 arithmetic takes its scale over the whole batch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

OPSET = 17
# Smaller tensors (biases, norms) cost nothing to keep exact.
MIN_QUANTIZED_SIZE = 4096
BLOCK = 64
# Without this entry onnxruntime keeps the int8 pairs in the graph, and is 1.7 times slower.
SESSION_ENTRIES = {"session.disable_quant_qdq": "1"}


class LanguageGraph(nn.Module):
    """BERT with the pooling of a bundle: `embedding` [B, D] and `tokens` [B, T, D]."""

    def __init__(self, bert: nn.Module, pooling: str):
        super().__init__()
        self.bert = bert
        self.pooling = pooling

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        tokens = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids)
        ).last_hidden_state
        return pool(tokens, attention_mask, self.pooling), tokens


def pool(tokens: torch.Tensor, attention_mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Masked mean of `tokens` [B, T, D] -> [B, D], not normalized.

    `mean` runs over all real tokens; `mean-words` leaves out [CLS] and [SEP], the first and the last real
    token, as the paper's word embedding does (section 3.4).

    Raises ValueError for another name.
    """
    mask = attention_mask.to(tokens.dtype)
    if pooling == "mean-words":
        # A real token is inside where both its neighbors are real; the first and the last are not.
        before = torch.nn.functional.pad(mask, (1, 0))[:, :-1]
        after = torch.nn.functional.pad(mask, (0, 1))[:, 1:]
        mask = mask * before * after
    elif pooling != "mean":
        raise ValueError(f"pooling must be mean or mean-words, is {pooling!r}")
    weights = mask.unsqueeze(-1)
    return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def export_float32(bert: nn.Module, pooling: str, path: Path) -> None:
    """Writes the float32 graph, dynamic in batch and length."""
    graph = LanguageGraph(bert, pooling).eval()
    ids = torch.ones(2, 7, dtype=torch.long)
    axes = {0: "batch", 1: "length"}
    with torch.no_grad():
        torch.onnx.export(
            graph,
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["embedding", "tokens"],
            dynamic_axes={
                "input_ids": axes,
                "attention_mask": axes,
                "embedding": {0: "batch"},
                "tokens": axes,
            },
            opset_version=OPSET,
            dynamo=False,
        )


def store_int8(source: Path, target: Path) -> None:
    """Rewrites the weights of a float32 graph as int8 with a scale for every block of an output channel."""
    model = onnx.load(str(source))
    graph = model.graph
    by_row = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    kept, added, nodes = [], [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < MIN_QUANTIZED_SIZE:
            kept.append(tensor)
            continue
        stored, restoring = restore_nodes(tensor.name, values, transpose=tensor.name not in by_row)
        added += stored
        nodes += restoring
    del graph.initializer[:]
    graph.initializer.extend(kept + added)
    computing = list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes + computing)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def restore_nodes(name: str, values: np.ndarray, *, transpose: bool) -> tuple[list, list]:
    """(initializers, nodes) that give back a matrix: blocks -> rows -> the layout that the graph reads.

    Weights of a product are [in, out]; `transpose` makes their output channels the rows that blocks lie in.
    """
    rows = values.T if transpose else values
    codes, scale = quantize(rows)
    stored = [
        numpy_helper.from_array(codes, f"{name}.int8"),
        numpy_helper.from_array(scale, f"{name}.scale"),
        numpy_helper.from_array(np.array(rows.shape, np.int64), f"{name}.shape"),
    ]
    last = f"{name}.rows" if transpose else name
    nodes = [
        helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [f"{name}.blocks"], axis=0),
        helper.make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [last]),
    ]
    if transpose:
        nodes.append(helper.make_node("Transpose", [last], [name], perm=[1, 0]))
    return stored, nodes


def quantize(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 codes [N, BLOCK] of a matrix's rows, cut into blocks, and one float32 scale a block."""
    width = BLOCK if rows.shape[1] % BLOCK == 0 else rows.shape[1]
    blocks = np.ascontiguousarray(rows).reshape(-1, width)
    peak = np.abs(blocks).max(axis=1)
    scale = np.where(peak > 0, peak / 127, 1.0).astype(np.float32)
    return np.clip(np.rint(blocks / scale[:, None]), -127, 127).astype(np.int8), scale
