"""Cross-modal retrieval: recall at 1, 5 and 10 in both directions (model.md's row of the same name)."""

from __future__ import annotations

import numpy as np

from groundwire_training.metrics_similarity import normalize

DEPTHS = (1, 5, 10)


def evaluate_retrieval(images: np.ndarray, texts: np.ndarray) -> dict[str, dict[str, float]]:
    """Recalls from image embeddings [N, D] and caption embeddings [C * N, D].

    The captions of image i are rows C*i to C*i + C - 1. Ties count against the right answer, so that a
    collapsed model, which scores everything alike, gets 0 and not 1.
    """
    if len(images) == 0 or len(texts) % len(images):
        raise ValueError(f"texts: must be a multiple of the {len(images)} images, got {len(texts)}")
    scores = normalize(images) @ normalize(texts).T
    i2t, t2i = retrieval_ranks(scores)
    return {"i2t": recalls(i2t), "t2i": recalls(t2i)}


def retrieval_ranks(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores [N, C*N] -> ranks from 0: of each image's best own caption, and of each caption's image."""
    n, total = scores.shape
    owner = np.arange(total) // (total // n)
    own = owner == np.arange(n)[:, None]
    best_own = np.where(own, scores, -np.inf).max(1, keepdims=True)
    i2t = ((scores >= best_own) & ~own).sum(1)
    right = scores[owner, np.arange(total)]
    t2i = ((scores >= right) & ~own).sum(0)
    return i2t, t2i


def recalls(ranks: np.ndarray) -> dict[str, float]:
    return {f"r{depth}": float((ranks < depth).mean()) for depth in DEPTHS}
