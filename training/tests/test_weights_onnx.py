"""Storage of graphs: what six and eight bits give back, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from groundwire_training.graph_onnx import OPSET
from groundwire_training.weights_onnx import SESSION_ENTRIES, Storage, pack, quantize, store_weights


class Mixed(nn.Module):
    """One weight of every kind that a graph reads: table, product, Gemm, convolution, depthwise."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(200, 64)
        self.product = nn.Linear(64, 128)
        self.convolution = nn.Conv2d(16, 32, 3, padding=1)
        self.depthwise = nn.Conv2d(512, 512, 3, padding=1, groups=512)
        self.pointwise = nn.Conv2d(32, 512, 1)
        self.gemm = nn.Linear(512, 16)

    def forward(self, ids_bt: torch.Tensor) -> torch.Tensor:
        hidden = self.product(self.table(ids_bt)).unflatten(2, (16, 8)).transpose(1, 2)
        hidden = self.depthwise(self.pointwise(self.convolution(hidden)))
        return self.gemm(hidden.mean((2, 3)))


def export(folder) -> tuple[Mixed, torch.Tensor]:
    torch.manual_seed(0)
    module, ids = Mixed().eval(), torch.randint(200, (2, 5))
    axes = {"ids": {0: "b"}, "out": {0: "b"}}
    torch.onnx.export(
        module,
        (ids,),
        str(folder / "float32.onnx"),
        input_names=["ids"],
        output_names=["out"],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    return module, ids


def run(path, ids) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    for key, value in SESSION_ENTRIES.items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["out"], {"ids": ids.numpy()})[0]


@pytest.mark.parametrize(
    ("bits", "least", "share"), [(8, 0.9999, 0.3), (7, 0.9999, 0.27), (6, 0.999, 0.25), (4, 0.98, 0.2)]
)
def test_a_stored_graph_is_small_and_computes_nearly_the_same(tmp_path, bits, least, share):
    module, ids = export(tmp_path)
    store_weights(tmp_path / "float32.onnx", tmp_path / "stored.onnx", [Storage("", bits, 32)])
    expected, computed = module(ids).detach().numpy().ravel(), run(tmp_path / "stored.onnx", ids).ravel()
    cosine = expected @ computed / np.linalg.norm(expected) / np.linalg.norm(computed)
    assert cosine > least
    sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in ("stored", "float32")]
    # The small convolution's codes and the constants of unpacking weigh more here than in a real graph.
    assert sizes[0] < (share + 0.1) * sizes[1]


def test_a_scope_decides_how_its_own_weights_are_kept(tmp_path):
    export(tmp_path)
    storages = [Storage("/gemm", 6, 64), Storage("", 8, 64)]
    store_weights(tmp_path / "float32.onnx", tmp_path / "stored.onnx", storages)
    kept = {tensor.name for tensor in onnx.load(tmp_path / "stored.onnx").graph.initializer}
    assert "gemm.weight.packed" in kept
    assert "table.weight.int8" in kept
    assert "table.weight" not in kept


def test_codes_and_scales_are_those_of_a_plain_loop():
    rows = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    rows[1, :4] = 0
    codes, scales = quantize(rows, Storage("", 6, 4))
    for block, (code, scale) in enumerate(zip(codes, scales, strict=True)):
        values = rows.reshape(-1, 4)[block]
        peak = max(abs(float(value)) for value in values)
        assert scale == np.float16(peak / 31 if peak else 1)
        assert code.tolist() == [max(-31, min(31, round(float(value) / float(scale)))) for value in values]


@pytest.mark.parametrize("bits", [4, 6, 7])
def test_codes_come_back_whole_from_their_bytes(bits):
    most = 2 ** (bits - 1) - 1
    codes = np.random.default_rng(1).integers(-most, most + 1, (5, 16)).astype(np.int8)
    packed = pack(codes, bits).astype(int)
    assert packed.size * 8 == codes.size * bits
    low, high = packed & (2**bits - 1), packed >> bits
    last = sum(high[:, j] << (j * (8 - bits)) for j in range(packed.shape[1]))
    restored = np.concatenate([low.reshape(5, -1), last], axis=1) - 2 ** (bits - 1)
    assert restored.tolist() == codes.tolist()


def test_another_number_of_bits_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bits: must be one of 4, 6, 7, 8, got 5"):
        store_weights(tmp_path / "any.onnx", tmp_path / "out.onnx", [Storage("", 5, 32)])


def test_a_weight_that_no_product_reads_stays_exact(tmp_path):
    values = np.random.default_rng(2).normal(size=(64, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "bias"], ["y"])],
        "added",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [64, 64])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [64, 64])],
        [numpy_helper.from_array(values, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.save(model, str(tmp_path / "in.onnx"))
    store_weights(tmp_path / "in.onnx", tmp_path / "out.onnx", [Storage("", 8, 32)])
    (kept,) = onnx.load(tmp_path / "out.onnx").graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(kept), values)
