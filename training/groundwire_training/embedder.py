"""Text embedders: one callable per measured model, texts -> float32 [N, D].

A vector is the mean of the last layer over a text's tokens, not normalised: what `language.onnx` returns as
`embedding`. Whether `[CLS]` and `[SEP]` are among them is the model's pooling.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertModel

from .pooling import pool

MAX_TOKENS = 128
BATCH_TOKENS = 4096  # longest x rows of one padded batch


class Embedder(Protocol):
    """Maps texts to raw vectors; `fingerprint` changes whenever any weight or the tokenizer does."""

    fingerprint: str

    def __call__(self, texts: Sequence[str]) -> np.ndarray: ...

    def __hash__(self) -> int: ...


# ids, mask int64 [B, T] -> (embedding [B, D], tokens [B, T, D]) float32
Forward = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class BatchedEmbedder:
    """Tokenizes, sorts by length, pads and runs `forward` under a padded-token budget."""

    def __init__(self, tokenizer: Tokenizer, forward: Forward, fingerprint: str) -> None:
        self.tokenizer = tokenizer
        self.forward = forward
        self.fingerprint = fingerprint

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        encodings = self.encode(texts)
        rows: list[np.ndarray | None] = [None] * len(encodings)
        for batch in batches_by_length([len(ids) for ids in encodings]):
            embedding, _ = self.forward(*pad([encodings[i] for i in batch]))
            for i, vector in zip(batch, embedding, strict=True):
                rows[i] = vector
        return np.stack([row for row in rows if row is not None]).astype(np.float32)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            raise ValueError("texts: at least one text is needed, got 0")
        blank = next((i for i, text in enumerate(texts) if not text.strip()), None)
        if blank is not None:
            raise ValueError(f"texts[{blank}]: must hold a visible character, got {texts[blank]!r}")
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]


class CachedEmbedder:
    """Keeps vectors on disk by fingerprint and texts, so that a repeated evaluation skips the encoder."""

    def __init__(self, inner: Embedder, folder: Path) -> None:
        self.inner = inner
        self.fingerprint = inner.fingerprint
        self.folder = folder

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        key = [self.fingerprint, list(texts)]
        return cached_array(self.folder, key, lambda: self.inner(texts))


def cached_array(
    folder: Path,
    key: object,
    compute: Callable[[], np.ndarray],
    *,
    worth_keeping: Callable[[np.ndarray], bool] = lambda array: True,
) -> np.ndarray:
    """The array of `key` (anything that JSON can hold) from `folder`, computed where it is not there yet.

    `worth_keeping` says whether a computed one is to be found there the next time.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    path = folder / f"{digest[:32]}.npy"
    if path.exists():
        return np.load(path)
    array = compute()
    if not worth_keeping(array):
        return array
    folder.mkdir(parents=True, exist_ok=True)
    # A killed run must not leave a truncated file under the final name.
    unfinished = path.with_suffix(".partial.npy")
    np.save(unfinished, array)
    unfinished.replace(path)
    return array


def torch_embedder(model: BertModel, tokenizer: Tokenizer, pooling: str = "mean") -> BatchedEmbedder:
    """Embedder of a PyTorch BERT in float32 evaluation mode; `pooling` is one of `pooling.POOLINGS`."""
    model = model.eval().float()
    fingerprint = f"{hash_weights(model, tokenizer)} {pooling}"

    @torch.inference_mode()
    def forward(ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask_bt = torch.from_numpy(mask)
        tokens_btd = model(input_ids=torch.from_numpy(ids), attention_mask=mask_bt).last_hidden_state
        return pool(tokens_btd, mask_bt, pooling).numpy(), tokens_btd.numpy()

    return BatchedEmbedder(prepare_tokenizer(tokenizer), forward, fingerprint)


def onnx_embedder(bundle: Path, *, threads: int = 2) -> BatchedEmbedder:
    """Embedder of a bundle's `language.onnx` through onnxruntime."""
    session = onnx_session(bundle, "language.onnx", threads=threads)
    manifest = read_manifest(bundle)
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))

    def forward(ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        embedding, tokens = session.run(["embedding", "tokens"], {"input_ids": ids, "attention_mask": mask})
        return embedding, tokens

    return BatchedEmbedder(
        prepare_tokenizer(tokenizer, manifest["maxTokens"]), forward, manifest["fingerprint"]
    )


def onnx_session(bundle: Path, name: str, *, threads: int = 2):
    """An onnxruntime CPU session of one graph, with the session entries that the manifest asks for."""
    import onnxruntime

    path = bundle / name
    if not path.is_file():
        raise FileNotFoundError(f"bundle: {path} is missing")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    for key, value in read_manifest(bundle).get("session", {}).get("configEntries", {}).items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def read_manifest(bundle: Path) -> dict:
    path = bundle / "manifest.json"
    if not path.is_file():
        raise FileNotFoundError(f"bundle: {path} is missing")
    return json.loads(path.read_text(encoding="utf-8"))


def prepare_tokenizer(tokenizer: Tokenizer, max_tokens: int = MAX_TOKENS) -> Tokenizer:
    """Truncates as serving does and never pads: batches are padded here, after sorting by length."""
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def batches_by_length(lengths: Sequence[int], budget: int = BATCH_TOKENS) -> list[list[int]]:
    """Indices grouped so that longest x rows stays within `budget` (one row at least)."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[batches[-1][0]] if batches else 0
        if batches and longest * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def pad(encodings: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of several texts -> (ids, mask) int64 [B, T], padded with 0, BERT's `[PAD]`."""
    width = max((len(ids) for ids in encodings), default=0)
    ids_bt = np.zeros((len(encodings), width), dtype=np.int64)
    mask_bt = np.zeros_like(ids_bt)
    for row, ids in enumerate(encodings):
        ids_bt[row, : len(ids)] = ids
        mask_bt[row, : len(ids)] = 1
    return ids_bt, mask_bt


def hash_weights(model: torch.nn.Module, tokenizer: Tokenizer) -> str:
    digest = hashlib.sha256(tokenizer.to_str().encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
