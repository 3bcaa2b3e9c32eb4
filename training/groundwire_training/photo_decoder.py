"""Decodes the photos of coming steps in threads while the current step computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from .image_folder import LabeledPhoto
from .images import IMAGE_SIZE, decode_photo, open_photo
from .records import RecordLog

ASPECT = (3 / 4, 4 / 3)  # width / height of a random crop
TRIES = 10

Key = tuple[int, ...]


class Drawn(NamedTuple):
    """One batch of a split."""

    rows: np.ndarray
    mirrored: np.ndarray  # 0 or 1
    crops: Sequence[np.random.Generator | None]  # random numbers of each photo's crop


class PhotoDecoder:
    """An unreadable photo is left out of its batch and counted once; raises `ValueError` when they are 1 %
    or more of all photos."""

    def __init__(
        self, photos: Sequence[LabeledPhoto], *, workers: int, crop_scale: tuple[float, float] | None
    ) -> None:
        self.photos = photos
        self.crop_scale = crop_scale
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self.pending: dict[Key, list[Future[np.ndarray | str]]] = {}
        self.log = RecordLog(path=photos[0].source, read=len(photos))
        self.unreadable: set[int] = set()

    def batch(self, key: Key, drawn: Drawn, ahead: tuple[Key, Drawn] | None) -> tuple[list[int], np.ndarray]:
        """Places in `drawn.rows` of the readable photos, and their pixels; starts on the batch `ahead`."""
        futures = self.pending.pop(key, None) or self.start(drawn)
        self.pending = {} if ahead is None else {ahead[0]: self.start(ahead[1])}
        results = [future.result() for future in futures]
        kept = [place for place, result in enumerate(results) if not isinstance(result, str)]
        for row, result in zip(drawn.rows, results, strict=True):
            if isinstance(result, str):
                self.note(int(row), result)
        if not kept:
            raise ValueError(f"{self.log.path}: none of a step's {len(results)} photos is readable")
        return kept, np.stack([result for result in results if not isinstance(result, str)])

    def start(self, drawn: Drawn) -> list[Future[np.ndarray | str]]:
        pairs = zip(drawn.rows, drawn.crops, strict=True)
        return [self.pool.submit(self.decode, int(row), crop) for row, crop in pairs]

    def decode(self, row: int, generator: np.random.Generator | None) -> np.ndarray | str:
        """Pixels, or why there are none."""
        try:
            content = self.photos[row].read()
            if self.crop_scale is None or generator is None:
                return decode_photo(content)
            return random_crop(content, self.crop_scale, generator)
        except OSError as error:
            return str(error)

    def note(self, row: int, reason: str) -> None:
        if row not in self.unreadable:
            self.unreadable.add(row)
            self.log.bad.append((self.photos[row].name, f"must be a readable photo: {reason}"))
            self.log.check()


def random_crop(
    content: bytes, scale: tuple[float, float], generator: np.random.Generator, size: int = IMAGE_SIZE
) -> np.ndarray:
    """RGB uint8 [size, size, 3] of a rectangle that covers a share within `scale` of the photo's area."""
    image = open_photo(content)
    box = crop_box(image.width, image.height, scale, generator)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def crop_box(
    width: int, height: int, scale: tuple[float, float], generator: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom; the whole photo where no drawn rectangle fits into it."""
    for _ in range(TRIES):
        area = width * height * generator.uniform(*scale)
        aspect = math.exp(generator.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < high <= height:
            left, top = generator.integers(width - wide + 1), generator.integers(height - high + 1)
            return int(left), int(top), int(left) + wide, int(top) + high
    return 0, 0, width, height
