"""A bundle's language model as PyTorch has it: the way back from `language.onnx`, for training that goes on from it.

The weights are those that the bundle computes with, as `weights_onnx` stored them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from .embedder import read_manifest

BERT = "bert."  # what names of BERT's own weights begin with in the graph
RESTORED = ".scale16"  # beside every weight that is stored in few bits


def load_stored_language(bundle: Path, architecture: Path) -> tuple[BertModel, Tokenizer]:
    """BERT in evaluation mode, and the tokenizer. `architecture` is a BERT directory whose config.json has the layers
    and heads. Raises `ValueError` where the graph lacks weights of such a BERT, or has them in other shapes."""
    if not (architecture / "config.json").is_file():
        raise FileNotFoundError(f"--bert: {architecture / 'config.json'} is missing")
    config = BertConfig.from_json_file(architecture / "config.json")
    config.max_position_embeddings = read_manifest(bundle)["maxTokens"]
    bert = BertModel(config, add_pooling_layer=False)
    weights = dict(language_weights(onnx.load(str(bundle / "language.onnx"))))
    wanted = {name: tuple(tensor.shape) for name, tensor in bert.state_dict().items()}
    unfit = [name for name, shape in wanted.items() if name not in weights or weights[name].shape != shape]
    if unfit:
        raise ValueError(f"{bundle}: language.onnx is no BERT like {architecture}, it lacks {unfit[0]}")
    bert.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in wanted})
    return bert.eval(), Tokenizer.from_file(str(bundle / "tokenizer.json"))


def language_weights(model: ModelProto) -> Iterator[tuple[str, np.ndarray]]:
    """(BERT's name, float32) of every weight."""
    exact = {tensor.name: tensor for tensor in model.graph.initializer}
    stored = [name.removesuffix(RESTORED) for name in exact if name.endswith(RESTORED)]
    values = dict(zip(stored, restored(model, stored), strict=True))
    small = (tensor for tensor in exact.values() if tensor.data_type == TensorProto.FLOAT)
    values |= {tensor.name: numpy_helper.to_array(tensor) for tensor in small}
    # Weights that are equal, such as biases of zeros, are kept once.
    same = [(node.output[0], node.input[0]) for node in model.graph.node if node.op_type == "Identity"]
    values |= {name: values[kept] for name, kept in same if kept in values}
    readers = {name: node for node in model.graph.node for name in node.input if name in values}
    for name, value in values.items():
        if name.startswith(BERT):
            yield name.removeprefix(BERT), value
        elif name in readers and readers[name].op_type == "MatMul" and value.ndim == 2:
            yield layer_of(readers[name]), value.T


def restored(model: ModelProto, names: list[str]) -> list[np.ndarray]:
    """Weights float32 as the graph itself unpacks them."""
    if not names:
        return []
    nodes = [node for node in model.graph.node if node.output[0].startswith(tuple(names))]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    read = {name for node in nodes for name in node.input}
    packed = [tensor for tensor in model.graph.initializer if tensor.name in read]
    graph = helper.make_graph(nodes, "weights", [], outputs, initializer=packed)
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    session = onnxruntime.InferenceSession(alone.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(names, {})


def layer_of(node: NodeProto) -> str:
    """The weight's name by the module's path: `/bert/encoder/layer.0/output/dense/MatMul`."""
    path = node.name.rsplit("/", 1)[0].removeprefix("/bert/")
    return f"{path.replace('/', '.')}.weight"
