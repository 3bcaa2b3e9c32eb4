"""Visual Genome's `objects.json`, `attributes.json` and `relationships.json` -> one scene graph an image."""

from __future__ import annotations

import json
from pathlib import Path

from .records import RecordLog
from .scene_graph import SceneGraph

FILES = ("objects.json", "attributes.json", "relationships.json")


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
