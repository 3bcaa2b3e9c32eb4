"""The Markdown table of an evaluation: one row a metric, one column a model, the paper's figures beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# (label, path into the metrics, decimals, the paper's base / grounded / relational)
ROWS: list[tuple[str, tuple[str, ...], int, str]] = [
    ("concreteness, word", ("concretenessWord",), 3, ".104 / .661 / .695"),
    ("concreteness, category", ("concretenessCategory",), 3, ".354 / .875 / .800"),
    ("silhouette, cosine", ("silhouetteMedian",), 3, ".097 / .182 / .149"),
    ("silhouette, Euclidean", ("silhouetteMedianEuclidean",), 3, ""),
    ("CSLB visual, median F1", ("cslbF1Median", "visual perceptual"), 3, "0 / .10 / .18"),
    ("CSLB other perceptual, median F1", ("cslbF1Median", "other perceptual"), 3, ".04 / .12 / .17"),
    ("CSLB functional, median F1", ("cslbF1Median", "functional"), 3, "0 / .09 / .16"),
    ("CSLB encyclopaedic, median F1", ("cslbF1Median", "encyclopaedic"), 3, "0 / .13 / .05"),
    ("CSLB taxonomic, median F1", ("cslbF1Median", "taxonomic"), 3, ".02 / .20 / .29"),
    ("CSLB visual, upper quartile", ("cslbF1UpperQuartile", "visual perceptual"), 3, ""),
    ("CSLB other perceptual, upper quartile", ("cslbF1UpperQuartile", "other perceptual"), 3, ""),
    ("CSLB functional, upper quartile", ("cslbF1UpperQuartile", "functional"), 3, ""),
    ("CSLB encyclopaedic, upper quartile", ("cslbF1UpperQuartile", "encyclopaedic"), 3, ""),
    ("CSLB taxonomic, upper quartile", ("cslbF1UpperQuartile", "taxonomic"), 3, ""),
    ("rank of zebra for striped horse", ("zebraRank",), 0, "2914 / 12 / –"),
    ("the same, own words kept", ("zebraRankOwnWordsKept",), 0, ""),
    ("text to image R@1", ("retrieval", "t2i", "r1"), 3, ""),
    ("text to image R@5", ("retrieval", "t2i", "r5"), 3, ""),
    ("text to image R@10", ("retrieval", "t2i", "r10"), 3, ""),
    ("image to text R@1", ("retrieval", "i2t", "r1"), 3, ""),
    ("image to text R@5", ("retrieval", "i2t", "r5"), 3, ""),
    ("image to text R@10", ("retrieval", "i2t", "r10"), 3, ""),
    ("FACTUAL top-1", ("relations", "factual", "top1"), 3, ""),
    ("FACTUAL top-5", ("relations", "factual", "top5"), 3, ""),
    ("FACTUAL macro@1", ("relations", "factual", "macro1"), 3, ""),
    ("FACTUAL unseen top-1", ("relations", "factualUnseen", "top1"), 3, ""),
    ("FACTUAL unseen top-5", ("relations", "factualUnseen", "top5"), 3, ""),
    ("VG150 top-1", ("relations", "vg150", "top1"), 3, ""),
    ("VG150 top-5", ("relations", "vg150", "top5"), 3, ""),
    ("VG150 macro@1", ("relations", "vg150", "macro1"), 3, ""),
    ("VG150 zero-shot top-1", ("relations", "vg150ZeroShot", "top1"), 3, ""),
    ("VG150 zero-shot top-5", ("relations", "vg150ZeroShot", "top5"), 3, ""),
    ("SimLex-999 Spearman", ("simlex",), 3, ""),
    ("BiRD Spearman", ("bird",), 3, ""),
    ("CoDa top-1", ("codaTop1",), 3, ""),
    ("CoDa Spearman", ("codaSpearman",), 3, ""),
    ("VerbPhysics size accuracy", ("sizeAccuracy",), 3, ""),
    ("parser tuple F1", ("parserTupleF1",), 3, ""),
    ("ONNX to PyTorch in float32, max abs difference", ("onnxMaxAbsDiff",), 6, ""),
    ("as stored, max abs difference", ("storedMaxAbsDiff",), 4, ""),
    ("as stored, lowest cosine", ("onnxMinCosine",), 6, ""),
]
LOWER_IS_BETTER = ("zebraRank", "zebraRankOwnWordsKept", "onnxMaxAbsDiff", "storedMaxAbsDiff")


def markdown_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Rows that no model has are left out; a cell that one model lacks is a dash."""
    lines = [
        f"| measure | {' | '.join(results)} | paper (base / grounded / relational) |",
        "|---" * (len(results) + 2) + "|",
    ]
    for label, path, decimals, paper in ROWS:
        values = [look_up(metrics, path) for metrics in results.values()]
        if any(value is not None for value in values):
            cells = ["–" if value is None else f"{value:.{decimals}f}" for value in values]
            lines.append(f"| {label} | {' | '.join(cells)} | {paper or '–'} |")
    return "\n".join(lines)


def look_up(metrics: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = metrics
    for key in path:
        if value is None or key not in value:
            return None
        value = value[key]
    return value
