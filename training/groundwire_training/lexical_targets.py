"""Where words should lie: the ungrounded teacher's space, with WordNet's likeness blended in.

A contrastive sentence model puts words together that occur together ("doctor", "hospital"); a taxonomy puts
together what is alike ("doctor", "nurse"), as photos of things that look alike do. Each word's target is the
teacher's unit vector beside its unit WordNet features, weighted sqrt(1 - share) and sqrt(share), so that the
inner product of two targets is the blend of both similarities; reduced to the teacher's width by a truncated
singular value decomposition and turned back into the teacher's coordinates by the orthogonal map nearest to
them (Procrustes), so that a language model has little to unlearn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.sparse import csr_matrix, hstack
from sklearn.utils.extmath import randomized_svd
from torch import Tensor
from torch.nn.functional import normalize

from .distributed import from_main_process
from .wordnet import WordNet

POWER_ITERATIONS = 2


def lexical_targets(
    words: Sequence[str], teacher_vd: Tensor, wordnet: WordNet, *, share: float, folder: Path
) -> Tensor:
    """Unit targets float32 [V, D] of the words, kept in `folder`: they cost minutes."""
    digest = hashlib.sha256("\n".join(words).encode() + teacher_vd.numpy().tobytes())
    digest.update(f"{share}".encode())
    path = folder / f"targets-{digest.hexdigest()[:16]}.safetensors"

    def make() -> Tensor:
        features = wordnet.features([known_part(word, wordnet) for word in words])
        blended = blend(normalize(teacher_vd, dim=1).numpy(), features, share)
        return write_targets(path, normalize(torch.from_numpy(blended), dim=1))

    return from_main_process(lambda: load_file(path)["targets"] if path.is_file() else None, make)


def write_targets(path: Path, targets: Tensor) -> Tensor:
    partial = path.with_suffix(".partial")
    save_file({"targets": targets}, partial)
    partial.replace(path)
    return targets


def known_part(text: str, wordnet: WordNet) -> str:
    """The text, or its last word where WordNet lacks it: "brown dog" is a dog."""
    return text if wordnet.ranked(text) else text.rsplit(" ", 1)[-1]


def blend(teacher_vd: np.ndarray, features: csr_matrix, share: float) -> np.ndarray:
    """Vectors [V, D] whose inner products are (1 - share) teacher + share features, as nearly as D allows."""
    both = hstack([csr_matrix(np.sqrt(1 - share) * teacher_vd), np.sqrt(share) * features]).tocsr()
    left, scale, _ = randomized_svd(both, teacher_vd.shape[1], n_iter=POWER_ITERATIONS, random_state=0)
    reduced = left * scale
    u, _, vt = np.linalg.svd(reduced.T @ teacher_vd, full_matrices=False)
    return (reduced @ (u @ vt)).astype(np.float32)
