"""The relational bundle's own files: relations, pictures, evidence, and what training saw of every triple."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from .calibration import Grams, photo_grams
from .graph_onnx import Graph, export_float32
from .photo_onnx import (
    GroundingGraph,
    VisualGraph,
    folded,
    grounding_graph,
    retrieval_graph,
    visual_graph,
)
from .prepare import NAME as PREPARE
from .prepare import read_photos
from .relations import RelationHead, write_predicates
from .relations_onnx import relations_graph, write_operators
from .trained import (
    STAGE3,
    STAGE4,
    load_cross_attention,
    load_grounding,
    load_match_heads,
    load_retrieval,
    load_visual,
    stage2_config,
)
from .triple_counts import TRIPLES, count_seen, write_triple_counts
from .triples import load_splits
from .trunk import GRIDS, default_weights, load_trunk
from .weights_onnx import Storage, store_weights

# Photos forgive more than words: six bits cost no recall that can be measured, and save a megabyte.
PHOTO_STORAGE = (Storage("", bits=6, block=256),)
RELATION_STORAGE = (Storage("", bits=8, block=128),)


def write_grounded(
    folder: Path, run: Path, data: Path, trunk_weights: Path | None, *, bert: Any, tokenizer: Tokenizer
) -> dict[str, float]:
    """Returns the float32 difference to PyTorch of every graph by its file name."""
    trunk_name = stage2_config(run).trunk
    trunk = load_trunk(trunk_name, trunk_weights or default_weights(data, trunk_name))
    retrieval = load_retrieval(run)
    head, norm, subspace = load_grounding(run)
    scale = head.imagined.log_scale.exp()
    visual = VisualGraph(trunk, load_visual(run, STAGE3), folded(retrieval.photo)).eval()
    text = folded(retrieval.text).eval()
    match, attention = load_match_heads(run, STAGE4), load_cross_attention(run)
    evidence = GroundingGraph(match, attention, norm, subspace, scale).eval()
    grams = photo_grams(visual, text, evidence, bert=bert, tokenizer=tokenizer, data=data)
    width = subspace.in_features
    graphs = {
        "visual.onnx": visual_graph(visual),
        "retrieval.onnx": retrieval_graph(text, width),
        "grounding.onnx": grounding_graph(evidence, GRIDS[trunk_name].seen.positions),
    }
    write_operators(head, folder / "relations.bin")
    write_predicates(head.predicates, folder / "predicates.json")
    write_seen(head, folder, run, data)
    parity = {
        "relations.onnx": export_stored(relations_graph(head), folder / "relations.onnx", RELATION_STORAGE)
    }
    for (name, graph), seen in zip(graphs.items(), grams, strict=True):
        parity[name] = export_stored(graph, folder / name, PHOTO_STORAGE, seen)
    return parity


def write_seen(head: RelationHead, folder: Path, run: Path, data: Path) -> None:
    photos = read_photos(run / PREPARE / "graphs_train.jsonl")
    graphs = (graph for found in photos.values() for graph in found)
    write_triple_counts(count_seen(load_splits(data), head.predicates, graphs), folder / TRIPLES)


def export_stored(
    graph: Graph, path: Path, storages: tuple[Storage, ...], grams: Grams | None = None
) -> float:
    """Writes a graph with small storage; returns its float32 difference to PyTorch."""
    with tempfile.TemporaryDirectory() as scratch:
        float32 = Path(scratch) / path.name
        difference = export_float32(graph, float32)
        store_weights(float32, path, storages, grams)
    return difference
