"""Embeds photos and captions with a bundle's graphs, for the retrieval measure and its examples."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from groundwire_training.data import load_split
from groundwire_training.embedder import (
    batches_by_length,
    cached_array,
    onnx_embedder,
    onnx_session,
    pad,
    read_manifest,
)
from groundwire_training.images import decode_photo, iterate_files, iterate_photos, only_wanted, photos_below
from groundwire_training.records import RecordLog

GRAPHS = ("visual.onnx", "retrieval.onnx")
IMAGE_BATCH = 32
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class CaptionedPhotos:
    files: list[str]
    captions: list[str]  # as many of each photo: those of photo 0, then those of photo 1, ...
    sources: list[Path]  # folders or tar files that hold the photos
    path: Path  # of the caption file


def load_test(data: Path) -> CaptionedPhotos:
    """The test photos, as training finds its own. Of photos with more captions than others the first ones count."""
    split = load_split(data, "test")
    # A photo's rank needs as many captions of each: COCO gives some of its photos one or two more.
    each = min(len(captions) for captions in split.captions)
    return CaptionedPhotos(
        files=split.files,
        captions=[caption for captions in split.captions for caption in captions[:each]],
        sources=split.sources,
        path=split.log.path,
    )


def can_search(bundle: Path) -> bool:
    return all((bundle / name).is_file() for name in GRAPHS)


def embed_test(
    bundle: Path, photos: CaptionedPhotos, cache: Path
) -> tuple[CaptionedPhotos, np.ndarray, np.ndarray]:
    """The photos that could be read, and retrieval-space vectors of them [N, D] and of their captions [C * N, D],
    kept on disk by the fingerprint."""
    fingerprint = read_manifest(bundle)["fingerprint"]
    images = cached_array(
        cache,
        [fingerprint, photos.files, versions_of(photos)],
        lambda: embed_photos(bundle, photos),
        # What could not be read now may be there the next time.
        worth_keeping=lambda vectors: not np.isnan(vectors).any(),
    )
    captions = cached_array(
        cache, [fingerprint, "retrieval", photos.captions], lambda: embed_captions(bundle, photos.captions)
    )
    found = ~np.isnan(images).any(1)
    if not found.all():
        left_out = [file for file, here in zip(photos.files, found, strict=True) if not here]
        print(f"retrieval: could not read {', '.join(left_out)}", file=sys.stderr, flush=True)
    said = np.repeat(found, len(captions) // len(images))
    kept = replace(
        photos,
        files=[file for file, here in zip(photos.files, found, strict=True) if here],
        captions=[caption for caption, here in zip(photos.captions, said, strict=True) if here],
    )
    return kept, images[found], captions[said]


def versions_of(photos: CaptionedPhotos) -> list[list[str | int]]:
    """Name, size and time of the tar files, or of the photos in the folders: another photo may come by its name."""
    wanted = set(photos.files)
    files = [
        path
        for source in photos.sources
        for path in (photos_below(source) if source.is_dir() else [source])
        if path == source or path.name in wanted
    ]
    found = [(path.name, path.stat()) for path in files]
    return [[name, status.st_size, status.st_mtime_ns] for name, status in found]


def embed_photos(bundle: Path, photos: CaptionedPhotos) -> np.ndarray:
    """Retrieval-space vectors [N, D] of the photos, in the order of `photos.files`, not a number where one could not
    be read. Raises `ValueError` where these are 1 % or more."""
    session = onnx_session(bundle, "visual.onnx")
    images = tqdm(read_images(photos), total=len(photos.files), desc="photos", mininterval=5)
    vectors: dict[str, np.ndarray] = {}
    for batch in in_batches(images, IMAGE_BATCH):
        (embedded,) = session.run(["embedding"], {"image": np.stack([image for _, image in batch])})
        vectors.update(zip([file for file, _ in batch], embedded, strict=True))
    log = RecordLog(path=photos.path)
    for file in photos.files:
        if file in vectors:
            log.good()
        else:
            log.skip(
                file, f"must be a readable photo of {', '.join(source.name for source in photos.sources)}"
            )
    log.check()
    unread = np.full_like(next(iter(vectors.values())), np.nan)
    return np.stack([vectors.get(file, unread) for file in photos.files])


def embed_captions(bundle: Path, captions: list[str]) -> np.ndarray:
    """Retrieval-space vectors [N, D] of the captions."""
    language = onnx_embedder(bundle)
    head = onnx_session(bundle, "retrieval.onnx")
    encodings = language.encode(captions)
    vectors: dict[int, np.ndarray] = {}
    for batch in batches_by_length([len(ids) for ids in encodings]):
        ids, mask = pad([encodings[i] for i in batch])
        _, tokens = language.forward(ids, mask)
        (embedded,) = head.run(["embedding"], {"tokens": tokens, "attention_mask": mask})
        vectors.update(zip(batch, embedded, strict=True))
    return np.stack([vectors[i] for i in range(len(captions))])


def read_images(photos: CaptionedPhotos) -> Iterator[tuple[str, np.ndarray]]:
    """File and float32 [3, 224, 224] in -1 to 1, the trunk's input range, of each readable photo, in the sources'
    order."""
    for file, pixels in only_wanted(iterate_photos(photos.sources, []), set(photos.files)):
        yield file, (pixels.transpose(2, 0, 1).astype(np.float32) - 128) / 128


def read_pixels(photos: CaptionedPhotos, files: Collection[str]) -> dict[str, np.ndarray]:
    """RGB uint8 [224, 224, 3] of some of the photos, by file."""
    return {
        Path(path).name: decode_photo(content)
        for source in photos.sources
        for path, content in iterate_files(source)
        if Path(path).name in files
    }


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
