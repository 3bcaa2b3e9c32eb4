"""States of the frozen streams, computed once and memory-mapped: an epoch of stage 4 then takes seconds.

`<name>.grids.npy` is float16 [N, V, P, D] (the feature cache's views), `<name>.alone.npy` float16 [N, V, D] the
means of its positions before the spatial attention, `<name>.tokens.npy` float16 [S, D] the tokens of all captions
of all photos one after another; `<name>.json` says where each begins. The JSON is written last and names the
weights that the states came from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor
from tqdm import tqdm

from .data import CaptionedSplit
from .features import FeatureCache
from .own_files import own_stem
from .two_stream import Texts

PHOTO_BATCH = 64
CAPTION_BATCH = 256
ARRAYS = ("grids.npy", "alone.npy", "tokens.npy")

# trunk grids [B, P, C] -> the visual stream's [B, P, D] after its attention, and before
See = Callable[[Tensor], tuple[Tensor, Tensor]]
# texts -> last layer's tokens [B, T, D]
Read = Callable[[Texts], Tensor]
Encode = Callable[[Sequence[str]], Texts]


@dataclass(frozen=True)
class FrozenStates:
    """One split. Caption c of photo i has the tokens `starts[first[i] + c]` to the next start."""

    grids: np.ndarray
    alone: np.ndarray
    tokens: np.ndarray
    starts: np.ndarray  # int64 [captions + 1]
    first: np.ndarray  # int64 [photos + 1]: index of each photo's first caption

    def __len__(self) -> int:
        return len(self.first) - 1

    def captions_of(self, photo: int) -> int:
        return int(self.first[photo + 1] - self.first[photo])

    def read_tokens(self, captions: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Tokens float32 [B, T, D], zero where padded, and their mask int64 [B, T]."""
        spans = [(self.starts[c], self.starts[c + 1]) for c in captions]
        longest = max(end - start for start, end in spans)
        tokens = np.zeros((len(spans), longest, self.tokens.shape[1]), np.float16)
        mask = torch.zeros(len(spans), int(longest), dtype=torch.long)
        for row, (start, end) in enumerate(spans):
            tokens[row, : end - start] = self.tokens[start:end]
            mask[row, : end - start] = 1
        return torch.from_numpy(tokens).float(), mask

    def read_photos(self, photos: np.ndarray, views: np.ndarray) -> tuple[Tensor, Tensor]:
        """Grids [B, P, D] and means before the attention [B, D], float32; `views` names a view per row."""
        grids, alone = self.grids[photos, views], self.alone[photos, views]
        return torch.from_numpy(grids).float(), torch.from_numpy(alone).float()


def cache_states(
    split: CaptionedSplit,
    cache: FeatureCache,
    *,
    stem: Path,
    fingerprint: str,
    encode: Encode,
    see: See,
    read: Read,
) -> FrozenStates:
    """Opens the states of a split, after computing them where they are missing or of other weights."""

    def file(ending: str, base: Path = stem) -> Path:
        return base.with_name(f"{base.name}.{ending}")

    meta = json.loads(file("json").read_text(encoding="utf-8")) if file("json").is_file() else {}
    if meta.get("fingerprint") != fingerprint:
        file("json").unlink(missing_ok=True)
        # Several ranks may compute at once: each writes files of its own and renames them whole.
        with own_stem(stem) as own:
            write_grids(file("grids.npy", own), file("alone.npy", own), cache.rows(split.files), cache, see)
            lengths = write_tokens(file("tokens.npy", own), split, encode, read)
            counts = [len(captions) for captions in split.captions]
            meta = {"fingerprint": fingerprint, "lengths": lengths, "counts": counts}
            file("json", own).write_text(json.dumps(meta), encoding="utf-8")
            for ending in (*ARRAYS, "json"):
                file(ending, own).replace(file(ending))
    grids, alone, tokens = (np.load(file(ending), mmap_mode="r") for ending in ARRAYS)
    return FrozenStates(
        grids=grids,
        alone=alone,
        tokens=tokens,
        starts=np.concatenate([[0], np.cumsum(meta["lengths"])]),
        first=np.concatenate([[0], np.cumsum(meta["counts"])]),
    )


def write_grids(grids_file: Path, alone_file: Path, rows: np.ndarray, cache: FeatureCache, see: See) -> None:
    shape = (len(rows), cache.grids.shape[1])
    grids: np.memmap | None = None
    alone: np.memmap | None = None
    for start in tqdm(range(0, len(rows), PHOTO_BATCH), desc=grids_file.name, mininterval=5):
        block = rows[start : start + PHOTO_BATCH]
        for view in range(shape[1]):
            raw = cache.read(block, np.full(len(block), view), torch.device("cpu"))
            seen, before = (part.float().cpu().numpy() for part in see(raw))
            if grids is None or alone is None:
                grids = open_memmap(grids_file, "w+", np.float16, (*shape, *seen.shape[1:]))
                alone = open_memmap(alone_file, "w+", np.float16, (*shape, seen.shape[2]))
            grids[start : start + len(block), view] = seen
            alone[start : start + len(block), view] = before.mean(1)
    assert grids is not None and alone is not None, "a split holds at least one photo"
    for array in (grids, alone):
        array.flush()


def write_tokens(path: Path, split: CaptionedSplit, encode: Encode, read: Read) -> list[int]:
    """Returns the number of tokens of every caption, in order."""
    captions = [caption for group in split.captions for caption in group]
    texts = encode(captions)
    lengths = texts.mask.sum(1)
    starts = np.concatenate([[0], np.cumsum(lengths.numpy())])
    order = torch.argsort(lengths, stable=True)
    tokens: np.memmap | None = None
    for block in tqdm(order.split(CAPTION_BATCH), desc=path.name, mininterval=5):
        longest = int(lengths[block].max())
        read_states = read(Texts(texts.ids[block, :longest], texts.mask[block, :longest]))
        states = read_states.to(torch.float16).cpu().numpy()
        if tokens is None:
            tokens = open_memmap(path, "w+", np.float16, (int(starts[-1]), states.shape[2]))
        for caption, row in zip(block.tolist(), states, strict=True):
            tokens[starts[caption] : starts[caption + 1]] = row[: lengths[caption]]
    assert tokens is not None, "a split holds at least one caption"
    tokens.flush()
    return lengths.tolist()
