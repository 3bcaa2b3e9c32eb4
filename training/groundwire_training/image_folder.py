"""Photos sorted into classes, as ImageNet is: `<split>/<class>/...` in a folder or in tar shards."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from .images import IMAGE_SIZE, PHOTO_SUFFIXES, decode_photo, photos_below
from .records import RecordLog


@dataclass(frozen=True)
class LabeledPhoto:
    """Where a photo lies. In a tar shard it is the `size` bytes from `offset` on."""

    source: Path
    name: str  # path below the split
    label: str
    offset: int | None = None
    size: int | None = None

    def read(self) -> bytes:
        if self.offset is None:
            return (self.source / self.name).read_bytes()
        with self.source.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def load_image_folder(root: Path, split: str, per_class: int | None = None) -> list[LabeledPhoto]:
    """Photos of `<root>/<split>/<class>/`, or of `<split>.tar` and `<split>_*.tar`, in a fixed order.

    `per_class` keeps the first photos of each class. Raises `FileNotFoundError` where there are none, and
    `ValueError` where 1 % or more of them lie in no class.
    """
    folder = root / split
    if folder.is_dir():
        found = label_photos(list_folder(folder), RecordLog(path=folder))
    else:
        shards = sorted(root.glob(f"{split}.tar")) + sorted(root.glob(f"{split}_*.tar"))
        if not shards:
            raise FileNotFoundError(f"images: {root} holds no {split}/, {split}.tar or {split}_*.tar")
        listed = [label_photos(list_shard(shard, split), RecordLog(path=shard)) for shard in shards]
        found = [photo for photos in listed for photo in photos]
    return found if per_class is None else first_of_each(found, per_class)


def list_folder(folder: Path) -> Iterator[LabeledPhoto]:
    for path in photos_below(folder):
        name = path.relative_to(folder).as_posix()
        yield LabeledPhoto(folder, name, class_of(PurePosixPath(name)))


def list_shard(shard: Path, split: str) -> Iterator[LabeledPhoto]:
    with tarfile.open(shard) as archive:
        for member in archive:
            path = PurePosixPath(member.name.removeprefix("./").removeprefix(f"{split}/"))
            if member.isfile() and path.suffix.lower() in PHOTO_SUFFIXES:
                yield LabeledPhoto(shard, str(path), class_of(path), member.offset_data, member.size)


def class_of(path: PurePosixPath) -> str:
    """The first folder below the split; empty for a photo that lies in none."""
    return path.parts[0] if len(path.parts) > 1 else ""


def label_photos(photos: Iterator[LabeledPhoto], log: RecordLog) -> list[LabeledPhoto]:
    kept = []
    for photo in photos:
        if photo.label:
            log.good()
            kept.append(photo)
        else:
            log.skip(photo.name, "must lie in a folder that names its class")
    log.check()
    return kept


def first_of_each(photos: list[LabeledPhoto], per_class: int) -> list[LabeledPhoto]:
    seen: Counter[str] = Counter()
    kept = []
    for photo in photos:
        seen[photo.label] += 1
        if seen[photo.label] <= per_class:
            kept.append(photo)
    return kept


def iterate_labeled(
    photos: list[LabeledPhoto], logs: list[RecordLog], size: int = IMAGE_SIZE
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, pixels) of every readable photo; raises `ValueError` at 1 % or more unreadable ones."""
    log = RecordLog(path=photos[0].source)
    logs.append(log)
    for photo in photos:
        try:
            pixels = decode_photo(photo.read(), size)
        except OSError as error:
            log.skip(photo.name, f"must be a readable photo: {error}")
            continue
        log.good()
        yield photo.name, pixels
    log.check()
