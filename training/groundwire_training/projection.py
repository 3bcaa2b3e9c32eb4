"""map.bin: the lexicon in two dimensions."""

from __future__ import annotations

import numpy as np
from sklearn.manifold import TSNE

REDUCED = 32
ITERATIONS = 350


def project_map(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE of unit vectors [N, D] -> float32 [N, 2], started from PCA and scaled to [-1, 1]."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    centered = unit - unit.mean(axis=0)
    _, basis = np.linalg.eigh(centered.T @ centered)
    reduced = (centered @ basis[:, ::-1][:, :REDUCED]).astype(np.float32)
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    tsne = TSNE(init="pca", perplexity=perplexity, max_iter=ITERATIONS, random_state=seed, n_jobs=-1)
    placed = tsne.fit_transform(reduced)
    return (placed / np.abs(placed).max()).astype(np.float32)
