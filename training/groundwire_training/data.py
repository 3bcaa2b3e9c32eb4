"""Captioned photos in COCO caption format, and the epochs drawn from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .records import RecordLog, read_json


@dataclass(frozen=True, kw_only=True)
class CaptionedSplit:
    """One split: `captions[i]` are all captions of the photo `files[i]`."""

    files: list[str]
    captions: list[list[str]]
    sources: list[Path]  # folders or tar shards that hold the photos
    log: RecordLog = field(compare=False)

    def __len__(self) -> int:
        return len(self.files)


def load_captions(captions_file: Path, sources: list[Path]) -> CaptionedSplit:
    """Reads a COCO caption file. Empty captions and captions of unlisted photos are bad records.

    Raises `ValueError` where the file is no caption file, or names two photos alike.
    """
    images, annotations = read_document(captions_file)
    log = RecordLog(path=captions_file)
    by_photo: dict[int, list[str]] = {image["id"]: [] for image in images}
    for place, annotation in enumerate(annotations):
        record = str(annotation.get("id", f"annotations[{place}]"))
        caption = annotation.get("caption")
        caption = caption.strip() if isinstance(caption, str) else ""
        if not caption:
            log.skip(record, "caption must hold a visible character")
        elif annotation.get("image_id") not in by_photo:
            log.skip(record, f"image_id {annotation.get('image_id')} must be listed in images")
        else:
            log.good()
            by_photo[annotation["image_id"]].append(caption)
    log.check()
    captioned = [image for image in images if by_photo[image["id"]]]
    return CaptionedSplit(
        files=[Path(image["file_name"]).name for image in captioned],
        captions=[by_photo[image["id"]] for image in captioned],
        sources=sources,
        log=log,
    )


def read_document(captions_file: Path) -> tuple[list[dict], list[dict]]:
    """Images and annotations. Photos are found by their file's name alone, so that no two may share it."""
    document = read_json(captions_file)
    if not isinstance(document, dict) or not {"images", "annotations"} <= document.keys():
        raise ValueError(f"{captions_file}: must be an object with images and annotations")
    names: dict[str, str] = {}
    for place, image in enumerate(document["images"]):
        if not {"id", "file_name"} <= image.keys():
            raise ValueError(f"{captions_file}: record images[{place}]: must have an id and a file_name")
        file = image["file_name"]
        if Path(file).name in names:
            raise ValueError(
                f"{captions_file}: record images[{place}]: photos must have names of their own, "
                f"{file} is called as {names[Path(file).name]} is"
            )
        names[Path(file).name] = file
    return document["images"], document["annotations"]


def load_split(data: Path, split: str, max_photos: int | None = None) -> CaptionedSplit:
    """The split `train`, `val` or `test` of `<data>/flickr8k`, or of any folder laid out like it.

    Photos are `images_<split>.tar`, `images_<split>_*.tar` or a folder `images_<split>` or `images`;
    `max_photos` keeps the first ones of the caption file.
    """
    folder = data / "flickr8k"
    sources = sorted(folder.glob(f"images_{split}.tar")) + sorted(folder.glob(f"images_{split}_*.tar"))
    sources = sources or [path for path in (folder / f"images_{split}", folder / "images") if path.is_dir()]
    if not sources:
        raise FileNotFoundError(f"photos: {folder} holds no images_{split}*.tar, images_{split}/ or images/")
    loaded = load_captions(folder / f"captions_{split}.json", sources)
    files, captions = loaded.files[:max_photos], loaded.captions[:max_photos]
    return dataclasses.replace(loaded, files=files, captions=captions)


def step_generator(seed: int, *stream: int) -> np.random.Generator:
    """Random numbers that depend on nothing but the seed and where we are, so that a resumed run draws
    what an uninterrupted one would have drawn."""
    return np.random.default_rng([seed, *stream])


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` items in an epoch."""
    return step_generator(seed, epoch, 0).permutation(count)
