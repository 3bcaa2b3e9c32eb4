"""Small storage for the weights of a float32 ONNX graph; the arithmetic stays float32.

Every large weight is kept as integer codes with one scale for each block of inputs of an output channel (of
each row of an embedding table), behind constant nodes that give the float32 matrix back. Folded at load, the
graph computes in plain float32, so that a row does not depend on the batch it travels in; dynamic int8
arithmetic takes its scale over the whole batch.

Codes have 8 bits (`DequantizeLinear`), or 4, 6 or 7: two codes in a byte, four in three, eight in seven,
unpacked by shifts. Scales are float16, and codes are chosen for the scale as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .rounding import gram_of, round_compensated

# Smaller tensors (biases, norms, depthwise filters) cost nothing to keep exact.
MIN_STORED_SIZE = 4096
BITS = (4, 6, 7, 8)
# Without this entry onnxruntime keeps the int8 pairs in the graph, and is 1.7 times slower.
SESSION_ENTRIES = {"session.disable_quant_qdq": "1"}


class Storage(NamedTuple):
    """How the weights of some nodes are kept.

    `scope` is a part of their names, which are the module's path (`/bert/encoder/layer.0/output/dense/MatMul`);
    the empty one is in every name. A code has `bits`, and `block` weights share a scale.
    """

    scope: str
    bits: int
    block: int


class Layout(NamedTuple):
    """How a graph reads a weight: its output channels are rows, columns or filters."""

    rows: np.ndarray  # [output channels, inputs]
    transposed: bool
    linear: bool  # whether the rows are multiplied with a layer's inputs as they are
    reader: str  # name of the node


def store_weights(
    source: Path,
    target: Path,
    storages: Sequence[Storage],
    grams: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Rewrites the weights of a graph, each as the first of `storages` that its reader is in the scope of.

    `grams` (see `rounding`) let the weights of linear layers make up for what rounding takes. Raises `ValueError` for
    a number of bits that is not supported, and where `grams` lack a linear layer.
    """
    for storage in storages:
        if storage.bits not in BITS:
            raise ValueError(f"bits: must be one of {', '.join(map(str, BITS))}, got {storage.bits}")
    model = onnx.load(str(source))
    graph = model.graph
    kept, added, restoring = [], [], []
    for tensor in graph.initializer:
        layout = layout_of(tensor, graph.node)
        if layout is None:
            kept.append(tensor)
            continue
        storage = next(storage for storage in storages if storage.scope in layout.reader)
        gram = gram_of(layout.reader, grams or {})
        if grams is not None and layout.linear and gram is None:
            raise ValueError(f"{layout.reader}: no inputs of this layer were seen")
        stored, nodes = restore_nodes(tensor.name, list(tensor.dims), layout, storage, gram)
        added += stored
        restoring += nodes
    del graph.initializer[:]
    graph.initializer.extend(kept + added)
    computing = list(graph.node)
    del graph.node[:]
    graph.node.extend(restoring + computing)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def layout_of(tensor: TensorProto, nodes: list[NodeProto]) -> Layout | None:
    """None for what is kept exact: small tensors, and tensors that are no product's or table's weight."""
    values = numpy_helper.to_array(tensor)
    if values.dtype != np.float32 or values.size < MIN_STORED_SIZE or values.ndim < 2:
        return None
    reader = next(node for node in nodes if tensor.name in node.input)
    if reader.op_type == "MatMul" and values.ndim == 2:
        return Layout(values.T, True, True, reader.name)
    if reader.op_type == "Gemm":
        by_row = any(attribute.name == "transB" and attribute.i for attribute in reader.attribute)
        return Layout(values if by_row else values.T, not by_row, True, reader.name)
    if reader.op_type in ("Gather", "Conv"):
        rows = values.reshape(len(values), -1)
        pointwise = reader.op_type == "Conv" and rows.shape[1] == values.shape[1] > 1
        return Layout(rows, False, pointwise, reader.name)
    return None


def restore_nodes(
    name: str, shape: list[int], layout: Layout, storage: Storage, gram: np.ndarray | None
) -> tuple[list[TensorProto], list[NodeProto]]:
    """(initializers, nodes) that give back a weight: blocks -> rows -> the layout that the graph reads."""
    # Depthwise filters have rows of nine, which do not fill whole groups of bytes.
    fits = storage.bits == 8 or layout.rows.shape[1] % (group_bytes(storage.bits) + 1) == 0
    storage = storage if fits else storage._replace(bits=8)
    blocks, scale = quantize(layout.rows, storage, gram)
    stored = [
        numpy_helper.from_array(scale, f"{name}.scale16"),
        numpy_helper.from_array(np.array(layout.rows.shape if layout.transposed else shape), f"{name}.shape"),
    ]
    nodes = [helper.make_node("Cast", [f"{name}.scale16"], [f"{name}.scale"], to=TensorProto.FLOAT)]
    if storage.bits == 8:
        stored.append(numpy_helper.from_array(blocks, f"{name}.int8"))
        dequantized = [f"{name}.int8", f"{name}.scale"]
        nodes.append(helper.make_node("DequantizeLinear", dequantized, [f"{name}.blocks"], axis=0))
    else:
        packed, unpacking = unpack_nodes(name, pack(blocks, storage.bits), storage.bits)
        stored += packed
        nodes += unpacking
    last = f"{name}.rows" if layout.transposed else name
    nodes.append(helper.make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [last]))
    if layout.transposed:
        nodes.append(helper.make_node("Transpose", [last], [name], perm=[1, 0]))
    return stored, nodes


def quantize(
    rows: np.ndarray, storage: Storage, gram: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric codes int8 [blocks, width] of a matrix's rows, and a float16 scale a block.

    A row whose length no block divides is one block.
    """
    width = storage.block if rows.shape[1] % storage.block == 0 else rows.shape[1]
    blocks = np.ascontiguousarray(rows).reshape(-1, width)
    most = 2 ** (storage.bits - 1) - 1
    peak = np.abs(blocks).max(axis=1)
    scale = np.where(peak > 0, peak / most, 1.0).astype(np.float16)
    # A scale too small for float16 would divide by zero: such a block is all zeros to float32's eye.
    scale = np.maximum(scale, np.finfo(np.float16).smallest_subnormal)
    scales = np.broadcast_to(scale.astype(np.float32)[:, None], blocks.shape)
    if gram is None:
        codes = np.clip(np.rint(blocks / scales), -most, most)
    else:
        codes = round_compensated(rows, scales.reshape(rows.shape), gram, most).reshape(blocks.shape)
    return codes.astype(np.int8), scale


def group_bytes(bits: int) -> int:
    """Bytes of a group: each holds a code and has room for a share of one code more."""
    return bits // (8 - bits)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes of `bits` below 8, int8 [N, (G + 1) K] -> uint8 [N, G, K], G bytes a group.

    Byte j of a group holds code j in its low bits, and above them the j-th share of the last code.
    """
    group, spare = group_bytes(bits), 8 - bits
    if codes.shape[1] % (group + 1):
        raise ValueError(f"codes: a block must hold a multiple of {group + 1}, got {codes.shape[1]}")
    planes = (codes + 2 ** (bits - 1)).astype(np.uint8).reshape(len(codes), group + 1, -1)
    shifts = (spare * np.arange(group, dtype=np.uint8))[None, :, None]
    shares = (planes[:, group:] >> shifts) & (2**spare - 1)
    return planes[:, :group] | (shares << bits).astype(np.uint8)


def unpack_nodes(name: str, packed: np.ndarray, bits: int) -> tuple[list[TensorProto], list[NodeProto]]:
    """Nodes from the packed bytes to `<name>.blocks`. They shift bytes, because the same in float32 would take most of
    the time in which a session is made."""
    group, spare = group_bytes(bits), 8 - bits
    constants = {
        "packed": packed,
        "bits": np.uint8(bits),
        "spare": np.uint8(spare),
        "places": (spare * np.arange(group, dtype=np.uint8))[None, :, None],
        "flat": np.array([0, -1], np.int64),
        "count": np.array([len(packed)], np.int64),
    }
    stored = [numpy_helper.from_array(np.asarray(value), f"{name}.{key}") for key, value in constants.items()]
    zero = numpy_helper.from_array(np.array([2 ** (bits - 1)], np.uint8))
    shares = [f"share{j}" for j in range(group)]
    steps: list[tuple[str, list[str], list[str], dict]] = [
        ("BitShift", ["packed", "spare"], ["raised"], {"direction": "LEFT"}),
        ("BitShift", ["raised", "spare"], ["first"], {"direction": "RIGHT"}),
        ("BitShift", ["packed", "bits"], ["shares"], {"direction": "RIGHT"}),
        ("BitShift", ["shares", "places"], ["placed"], {"direction": "LEFT"}),
        ("Split", ["placed"], shares, {"axis": 1, "num_outputs": group}),
    ]
    last = shares[0]
    for share in shares[1:]:
        steps.append(("BitwiseOr", [last, share], [f"to_{share}"], {}))
        last = f"to_{share}"
    steps += [
        ("Concat", ["first", last], ["planes"], {"axis": 1}),
        ("Reshape", ["planes", "flat"], ["codes"], {}),
        ("ConstantOfShape", ["count"], ["zeros"], {"value": zero}),
        ("DequantizeLinear", ["codes", "scale", "zeros"], ["blocks"], {"axis": 0}),
    ]
    nodes = [
        helper.make_node(
            kind, [f"{name}.{i}" for i in inputs], [f"{name}.{output}" for output in outputs], **attributes
        )
        for kind, inputs, outputs, attributes in steps
    ]
    return stored, nodes
