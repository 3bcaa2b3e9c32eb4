"""Embeds photos and captions with a bundle's graphs, for the retrieval measure and its examples."""

from __future__ import annotations

import json
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from groundwire_training.embedder import (
    batches_by_length,
    cached_array,
    onnx_embedder,
    onnx_session,
    pad,
    read_manifest,
)
from groundwire_training.images import decode_photo

GRAPHS = ("visual.onnx", "retrieval.onnx")
IMAGE_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class CaptionedPhotos:
    files: list[str]
    captions: list[str]  # all captions of photo 0, then all of photo 1, ...
    archive: Path


def load_flickr8k(data: Path, split: str = "test") -> CaptionedPhotos:
    path = data / "flickr8k" / f"captions_{split}.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    captions: dict[int, list[str]] = defaultdict(list)
    for annotation in document["annotations"]:
        captions[annotation["image_id"]].append(annotation["caption"])
    counts = {len(captions[image["id"]]) for image in document["images"]}
    if len(counts) != 1:
        raise ValueError(f"{path}: every photo must have the same number of captions, got {sorted(counts)}")
    return CaptionedPhotos(
        files=[image["file_name"] for image in document["images"]],
        captions=[caption for image in document["images"] for caption in captions[image["id"]]],
        archive=data / "flickr8k" / f"images_{split}.tar",
    )


def can_search(bundle: Path) -> bool:
    return all((bundle / name).is_file() for name in GRAPHS)


def embed_test(bundle: Path, photos: CaptionedPhotos, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Retrieval-space vectors of photos [N, D] and captions [C * N, D], kept on disk by the fingerprint."""
    fingerprint = read_manifest(bundle)["fingerprint"]
    images = cached_array(cache, [fingerprint, photos.files], lambda: embed_photos(bundle, photos))
    captions = cached_array(
        cache, [fingerprint, "retrieval", photos.captions], lambda: embed_captions(bundle, photos.captions)
    )
    return images, captions


def embed_photos(bundle: Path, photos: CaptionedPhotos) -> np.ndarray:
    """Retrieval-space vectors [N, D] of the photos, in the order of `photos.files`."""
    session = onnx_session(bundle, "visual.onnx")
    images = tqdm(read_images(photos), total=len(photos.files), desc="photos", mininterval=5)
    return np.concatenate(
        [session.run(["embedding"], {"image": batch})[0] for batch in in_batches(images, IMAGE_BATCH)]
    )


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


def read_images(photos: CaptionedPhotos) -> Iterator[np.ndarray]:
    """float32 [3, 224, 224] in -1 to 1, the trunk's input range, in the order of `photos.files`."""
    with tarfile.open(photos.archive) as archive:
        members = {Path(member.name).name: member for member in archive if member.isfile()}
        for name in photos.files:
            if name not in members:
                raise ValueError(f"{photos.archive}: the caption file names {name}, which is not inside")
            pixels = read_photo(archive, members[name])
            yield (pixels.transpose(2, 0, 1).astype(np.float32) - 128) / 128


def read_photo(archive: tarfile.TarFile, member: tarfile.TarInfo) -> np.ndarray:
    """RGB uint8 [224, 224, 3]"""
    content = archive.extractfile(member)
    assert content is not None, "only files are looked up"
    return decode_photo(content.read())


def in_batches(items: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
