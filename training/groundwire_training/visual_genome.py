"""Visual Genome's `objects.json`, `attributes.json` and `relationships.json` -> one scene graph an image; its photos
and their splits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from .data import load_captions, step_generator
from .records import RecordLog, read_json
from .scene_graph import SceneGraph, load_factual

FILES = ("objects.json", "attributes.json", "relationships.json")
PHOTOS = ("images*", "VG_100K*")  # folders or tar files
COCO_FILE = re.compile(r"(?:^|_)(\d{12})$")  # "COCO_val2014_000000391895", "000000391895"
VALIDATION_SHARE = 0.02
SPLIT_SEED = 0  # not the run's: all runs are validated on the same photos


class ImageObjects:
    """Objects of one image, and what their ids stand for.

    The current files fit together only so far: relations and attributes name ids that were merged into another
    object, and objects that `objects.json` no longer lists. Those carry a name of their own, and join the image by it.
    """

    def __init__(self, records: Sequence[dict] = ()) -> None:
        self.names: list[str] = []
        self.index: dict[int, int] = {}
        for record in records:
            self.index.update(dict.fromkeys(ids_of(record)[:1], len(self.names)))
            self.names.append(name_of(record))
        # An id that an object has of its own is that object's, whatever was merged into another.
        for place, record in enumerate(records):
            for merged in ids_of(record):
                self.index.setdefault(merged, place)

    def find(self, record: dict) -> int | None:
        """Place of the object that an attribute or a relation names; none where it has neither a known id nor a
        name."""
        ids, name = ids_of(record), name_of(record)
        place = next((self.index[number] for number in ids if number in self.index), None)
        if place is None and not ids and name in self.names:
            place = self.names.index(name)
        if place is None and name:
            place = len(self.names)
            self.names.append(name)
        if place is not None:
            for number in ids:
                self.index.setdefault(number, place)
        return place


def ids_of(record: dict) -> list[int]:
    """The object's own id, which version 1.0 calls `id`, then those that were merged into it."""
    own = own_id(record)
    return [*([] if own is None else [own]), *(record.get("merged_object_ids") or [])]


def name_of(record: dict) -> str:
    """The first name, lower-cased; empty where there is none."""
    names = record.get("names") or record.get("object_names") or [record.get("name") or ""]
    return clean(names[0])


def load_visual_genome(folder: Path) -> tuple[dict[str, SceneGraph], list[RecordLog]]:
    """Graphs by image id, from any version's files. Names are lower-cased; the first name of an object is its name.

    An attribute or a relation of an object without a known id and without a name is a bad record.
    """
    objects_log, attributes_log, relations_log = (RecordLog(path=folder / name) for name in FILES)
    images = read_objects(objects_log)
    attributes = read_attributes(attributes_log, images)
    relations = read_relations(relations_log, images)
    logs = [objects_log, attributes_log, relations_log]
    for log in logs:
        log.check()
    graphs = {
        image: SceneGraph(
            tuple(found.names),
            tuple(dict.fromkeys(attributes.get(image, []))),
            tuple(dict.fromkeys(relations.get(image, []))),
        )
        for image, found in images.items()
    }
    return graphs, logs


def photo_sources(folder: Path) -> list[Path]:
    """The tar files of Visual Genome's photos or, where there is none, the folders."""
    found = sorted(path for pattern in PHOTOS for path in folder.glob(pattern))
    sources = [path for path in found if path.suffix == ".tar"] or [path for path in found if path.is_dir()]
    if not sources:
        raise FileNotFoundError(f"photos: {folder} holds no images*.tar, images*/, VG_100K/ or VG_100K_2/")
    return sources


def photo_name(image: str) -> str:
    """The file of an image id."""
    return f"{image}.jpg"


def tested_images(data: Path) -> set[str]:
    """Ids of the images whose captions are in FACTUAL's development and test splits; VG150's test names none."""
    folder = data / "relations" / "factual"
    return {item.image_id for split in ("dev", "test") for item in load_factual(folder / f"{split}.csv")[0]}


def held_out_captioned(data: Path) -> set[str]:
    """Ids of the images whose photo is a captioned one of `val` or `test`: half of Visual Genome are COCO's photos,
    and what retrieval is selected and measured on must not be learned from.

    Raises `FileNotFoundError` where such photos are COCO's and no `image_data.json` says which they are.
    """
    files = [data / "flickr8k" / f"captions_{split}.json" for split in ("val", "test")]
    held_out = {
        int(found[0])
        for path in files
        if path.is_file()
        for name in load_captions(path, []).files
        if (found := COCO_FILE.findall(Path(name).stem))
    }
    if not held_out:
        return set()
    images = read_json(data / "visual_genome" / "image_data.json")
    return {
        str(image.get("image_id", image.get("id"))) for image in images if image.get("coco_id") in held_out
    }


def split_images(images: Collection[str]) -> dict[str, list[str]]:
    """Image ids of `train` and `val`, drawn. Raises `ValueError` where there are not enough for both."""
    if len(images) < 2:
        raise ValueError(f"Visual Genome: needs 2 images beside the tests', got {len(images)}")
    drawn = [sorted(images)[i] for i in step_generator(SPLIT_SEED).permutation(len(images))]
    held_out = max(1, round(VALIDATION_SHARE * len(images)))
    return {"train": sorted(drawn[held_out:]), "val": sorted(drawn[:held_out])}


def read_objects(log: RecordLog) -> dict[str, ImageObjects]:
    images: dict[str, ImageObjects] = {}
    for key, records in read_images(log, "objects"):
        named = []
        for item in records:
            if not name_of(item):
                log.skip(f"image {key}, object {own_id(item)}", "must have a name")
                continue
            log.good()
            named.append(item)
        images[key] = ImageObjects(named)
    return images


def read_attributes(log: RecordLog, images: dict[str, ImageObjects]) -> dict[str, list[tuple[int, str]]]:
    attributes: dict[str, list[tuple[int, str]]] = {}
    for key, records in read_images(log, "attributes"):
        for item in records:
            values = [value for value in map(clean, item.get("attributes") or []) if value]
            # An object of which nothing is said is not looked for: it would join the image for nothing.
            place = images.setdefault(key, ImageObjects()).find(item) if values else None
            if values and place is None:
                rule = "attribute of an object without a known id and without a name"
                log.skip(f"image {key}, object {own_id(item)}", rule)
                continue
            log.good()
            attributes.setdefault(key, []).extend((place, value) for value in values if place is not None)
    return attributes


def read_relations(log: RecordLog, images: dict[str, ImageObjects]) -> dict[str, list[tuple[int, str, int]]]:
    relations: dict[str, list[tuple[int, str, int]]] = {}
    for key, records in read_images(log, "relationships"):
        for item in records:
            found = images.setdefault(key, ImageObjects())
            predicate = clean(item.get("predicate") or "")
            subject = found.find(item.get("subject") or {}) if predicate else None
            object_ = found.find(item.get("object") or {}) if predicate else None
            if subject is None or object_ is None:
                record = f"image {key}, relationship {item.get('relationship_id', item.get('id'))}"
                log.skip(record, "must have a predicate and two objects with a known id or a name")
                continue
            log.good()
            relations.setdefault(key, []).append((subject, predicate, object_))
    return relations


def read_images(log: RecordLog, kind: str) -> Iterator[tuple[str, list[dict]]]:
    """(image id, its records of a kind) of every image; one that lacks either is a bad record."""
    for place, image in enumerate(read_json(log.path)):
        number = image.get("image_id", image.get("id"))
        if number is None or not isinstance(image.get(kind), list):
            log.skip(f"image {place if number is None else number}", f"must have an image_id and {kind}")
            continue
        yield str(number), image[kind]


def own_id(record: dict) -> int | None:
    return record.get("object_id", record.get("id"))


def clean(text: str) -> str:
    return " ".join(text.lower().split())
