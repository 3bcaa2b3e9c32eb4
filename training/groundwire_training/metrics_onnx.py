"""Do the shipped graphs compute what PyTorch computed? In float32 before storage, and as stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from groundwire_training.embedder import BatchedEmbedder, pad, read_manifest
from groundwire_training.metrics_similarity import cosines


def evaluate_onnx(embed: BatchedEmbedder, bundle: Path) -> dict[str, float]:
    """`onnxMaxAbsDiff` is the worst graph's, in float32, as the export measured it (`float32MaxAbsDiff` of the
    manifest); the other two are of the stored graph on the golden texts."""
    parity = read_manifest(bundle).get("float32MaxAbsDiff", {})
    worst = {"onnxMaxAbsDiff": max(parity.values())} if parity else {}
    return {**worst, **evaluate_golden(embed, bundle)}


def evaluate_golden(embed: BatchedEmbedder, bundle: Path) -> dict[str, float]:
    """Largest absolute difference and lowest cosine to the PyTorch float32 vectors of the golden texts.

    The golden token ids go in as they are, so that a tokenizer difference cannot hide in these figures.
    """
    items = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))["items"]
    computed = np.stack([embed.forward(*pad([item["ids"]]))[0][0] for item in items])
    expected = np.array([item["vector"] for item in items], dtype=np.float32)
    return {
        "storedMaxAbsDiff": float(np.abs(computed - expected).max()),
        "onnxMinCosine": float(cosines(computed, expected).min()),
    }
