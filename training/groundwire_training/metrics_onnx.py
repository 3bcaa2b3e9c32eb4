"""Does the shipped graph compute what PyTorch computed? `language.onnx` against `golden.json`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from groundwire_training.embedder import BatchedEmbedder, pad
from groundwire_training.metrics_similarity import cosines


def evaluate_golden(embed: BatchedEmbedder, bundle: Path) -> dict[str, float]:
    """Largest absolute difference and lowest cosine to the PyTorch float32 vectors of the golden texts.

    The golden token ids go in as they are, so that a tokenizer difference cannot hide in this figure.
    """
    items = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))["items"]
    computed = np.stack([embed.forward(*pad([item["ids"]]))[0][0] for item in items])
    expected = np.array([item["vector"] for item in items], dtype=np.float32)
    return {
        "onnxMaxAbsDiff": float(np.abs(computed - expected).max()),
        "onnxMinCosine": float(cosines(computed, expected).min()),
    }
