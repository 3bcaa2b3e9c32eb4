"""Photos in folders or tar shards, read in file order as uint8 arrays of one size."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tarfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .records import RecordLog

IMAGE_SIZE = 224
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# Pillow has no one error for a damaged file: each format's decoder raises its own beside `OSError`.
UNREADABLE = (SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)


def iterate_files(source: Path) -> Iterator[tuple[str, bytes]]:
    """(path inside the source, content) of every photo of a folder or a tar shard, in a fixed order."""
    if source.is_dir():
        for path in photos_below(source):
            yield path.relative_to(source).as_posix(), path.read_bytes()
        return
    if not source.is_file():
        raise FileNotFoundError(f"photos: {source} is neither a folder nor a tar file")
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).suffix.lower() in PHOTO_SUFFIXES:
                content = archive.extractfile(member)
                assert content is not None
                yield member.name, content.read()


def photos_below(folder: Path) -> list[Path]:
    """Every photo of a folder, of folders in it and of folders that are linked into it, in a fixed order."""
    found = (Path(path) for path in files_below(str(folder), ()))
    return sorted(path for path in found if path.suffix.lower() in PHOTO_SUFFIXES)


def files_below(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    here = os.path.realpath(folder)
    # A link to a folder above would lead down forever.
    if here in above:
        return
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        return  # "lost+found" of a mounted disk
    for entry in entries:
        if leads_to_folder(entry):
            yield from files_below(entry.path, (*above, here))
        else:
            yield entry.path


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def open_photo(content: bytes) -> Image.Image:
    """RGB, decoded whole. Raises `OSError` for all that is no photo, is damaged, or has too many pixels."""
    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except UNREADABLE as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def decode_photo(content: bytes, size: int = IMAGE_SIZE) -> np.ndarray:
    """RGB uint8 [size, size, 3]; other sizes are squashed, as Flickr8k's were at their source.

    Raises `OSError`, as `open_photo` does.
    """
    image = open_photo(content)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def iterate_photos(
    sources: Sequence[Path], logs: list[RecordLog], size: int = IMAGE_SIZE
) -> Iterator[tuple[str, np.ndarray]]:
    """(file name without folders, pixels); an unreadable photo is recorded in `logs` and skipped.

    Raises `ValueError` at the end of a source in which 1 % or more of the photos are unreadable.
    """
    for source in sources:
        log = RecordLog(path=source)
        logs.append(log)
        for name, content in iterate_files(source):
            try:
                pixels = decode_photo(content, size)
            except OSError as error:
                log.skip(name, f"must be a readable photo: {error}")
                continue
            log.good()
            yield Path(name).name, pixels
        log.check()


def only_wanted(
    photos: Iterable[tuple[str, np.ndarray]], files: Collection[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """The photos of these files, each once.

    Raises `ValueError` where two of one name differ: nothing says which of them the captions are of.
    """
    seen: dict[str, bytes] = {}
    for file, pixels in photos:
        if file not in files:
            continue
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
        if seen.setdefault(file, digest) != digest:
            raise ValueError(f"photos: {file} is the name of two that differ; each must have its own")
        if seen[file] is digest:
            yield file, pixels
