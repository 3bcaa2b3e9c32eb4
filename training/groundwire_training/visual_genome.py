"""Visual Genome's `objects.json`, `attributes.json` and `relationships.json` -> one scene graph an image; its photos
and their splits."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from .data import step_generator
from .records import RecordLog
from .scene_graph import SceneGraph, load_factual

FILES = ("objects.json", "attributes.json", "relationships.json")
PHOTOS = ("images*", "VG_100K*")  # folders or tar files
VALIDATION_SHARE = 0.02
SPLIT_SEED = 0  # not the run's: all runs are validated on the same photos


def load_visual_genome(folder: Path) -> tuple[dict[str, SceneGraph], list[RecordLog]]:
    """Graphs by image id. Names are lower-cased; the first name of an object is its name.

    An attribute or a relation that names an object which the image lacks is a bad record.
    """
    objects_log, attributes_log, relations_log = (RecordLog(path=folder / name) for name in FILES)
    names, indices = read_objects(objects_log)
    attributes = read_attributes(attributes_log, indices)
    relations = read_relations(relations_log, indices)
    logs = [objects_log, attributes_log, relations_log]
    for log in logs:
        log.check()
    graphs = {
        image: SceneGraph(
            tuple(found),
            tuple(dict.fromkeys(attributes.get(image, []))),
            tuple(dict.fromkeys(relations.get(image, []))),
        )
        for image, found in names.items()
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


def split_images(images: Collection[str]) -> dict[str, list[str]]:
    """Image ids of `train` and `val`, drawn. Raises `ValueError` where there are not enough for both."""
    if len(images) < 2:
        raise ValueError(f"Visual Genome: needs 2 images beside the tests', got {len(images)}")
    drawn = [sorted(images)[i] for i in step_generator(SPLIT_SEED).permutation(len(images))]
    held_out = max(1, round(VALIDATION_SHARE * len(images)))
    return {"train": sorted(drawn[held_out:]), "val": sorted(drawn[:held_out])}


def read_objects(log: RecordLog) -> tuple[dict[str, list[str]], dict[str, dict[int, int]]]:
    """Object names by image, and the index in them of every object id."""
    names: dict[str, list[str]] = {}
    indices: dict[str, dict[int, int]] = {}
    for image in read_json(log.path):
        key = str(image["image_id"])
        found, index = names.setdefault(key, []), indices.setdefault(key, {})
        for item in image["objects"]:
            name = clean((item.get("names") or [""])[0])
            if not name:
                log.skip(f"image {key}, object {item.get('object_id')}", "must have a name")
                continue
            log.good()
            index[item["object_id"]] = len(found)
            found.append(name)
    return names, indices


def read_attributes(log: RecordLog, indices: dict[str, dict[int, int]]) -> dict[str, list[tuple[int, str]]]:
    attributes: dict[str, list[tuple[int, str]]] = {}
    for image in read_json(log.path):
        key = str(image["image_id"])
        for item in image["attributes"]:
            values = [value for value in map(clean, item.get("attributes") or []) if value]
            index = indices.get(key, {}).get(item["object_id"])
            if values and index is None:
                log.skip(
                    f"image {key}, object {item['object_id']}", "attribute of an object that the image lacks"
                )
                continue
            log.good()
            attributes.setdefault(key, []).extend((index, value) for value in values if index is not None)
    return attributes


def read_relations(
    log: RecordLog, indices: dict[str, dict[int, int]]
) -> dict[str, list[tuple[int, str, int]]]:
    relations: dict[str, list[tuple[int, str, int]]] = {}
    for image in read_json(log.path):
        key = str(image["image_id"])
        for item in image["relationships"]:
            index = indices.get(key, {})
            subject = index.get(item["subject"]["object_id"])
            object_ = index.get(item["object"]["object_id"])
            predicate = clean(item["predicate"])
            if subject is None or object_ is None or not predicate:
                record = f"image {key}, relationship {item.get('relationship_id')}"
                log.skip(record, "must have a predicate and name objects of the image")
                continue
            log.good()
            relations.setdefault(key, []).append((subject, predicate, object_))
    return relations


def read_json(path: Path) -> list[dict]:
    if not path.is_file():
        raise FileNotFoundError(f"Visual Genome: {path} is missing")
    return json.loads(path.read_text(encoding="utf-8"))


def clean(text: str) -> str:
    return " ".join(text.lower().split())
