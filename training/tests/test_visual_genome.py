"""Visual Genome's records as its versions write them: ids that were merged, ids that no object has, older names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundwire_training.visual_genome import load_visual_genome

IMAGE = {"image_id": 1, "image_url": "https://cs.stanford.edu/people/rak248/VG_100K_2/1.jpg"}
# Image 1 of the current download (objects and relationships 1.4, attributes 1.2), less most of its records.
BOX = {"x": 78, "y": 308, "w": 722, "h": 290}
CURRENT = {
    "objects": [
        {"synsets": ["tree.n.01"], "object_id": 1058549, "merged_object_ids": [], "names": ["trees"], **BOX},
        {"object_id": 1058534, "merged_object_ids": [5046], "names": ["sidewalk"], **BOX},
        {"object_id": 1058508, "merged_object_ids": [1058507], "names": ["building"], **BOX},
        {"object_id": 5045, "merged_object_ids": [5048], "names": ["shade"], **BOX},
    ],
    "attributes": [
        {"object_id": 5046, "names": ["sidewalk"], "attributes": ["brick"], **BOX},
        {"object_id": 5048, "names": ["Shade "], "attributes": ["Dark"], **BOX},
        {"object_id": 1058515, "names": ["truck"], "attributes": ["red", "parked"], **BOX},
        {"object_id": 1058516, "names": ["lamp"], **BOX},
    ],
    "relationships": [
        {
            "predicate": "ON",
            "relationship_id": 15927,
            "subject": {"name": "shade", "object_id": 5045, **BOX},
            "object": {
                "object_id": 1058534,
                "merged_object_ids": [5046],
                "names": ["sidewalk"],
                **BOX,
            },
        },
        {
            "predicate": "next to",
            "relationship_id": 3186256,
            "subject": {"name": "car", "object_id": 1058529, **BOX},
            "object": {"name": "man", "object_id": 1058532, **BOX},
        },
        {
            "predicate": "near",
            "relationship_id": 3186257,
            "subject": {"name": "car", "object_id": 1058529, **BOX},
            "object": {"name": "truck", "object_id": 1058515, **BOX},
        },
    ],
}
# The same image in version 1.0: ids are called `id`, an attribute's names `object_names`.
FIRST = {
    "objects": [
        {"id": 5045, "names": ["shade"], **BOX},
        {"id": 5046, "names": ["sidewalk"], **BOX},
    ],
    "attributes": [{"id": 5046, "object_names": ["sidewalk"], "attributes": ["brick"], **BOX}],
    "relationships": [
        {
            "id": 15927,
            "predicate": "ON",
            "subject": {"id": 5045, "name": "shade", **BOX},
            "object": {"id": 5046, "name": "sidewalk", **BOX},
        }
    ],
}


def write(folder: Path, image: dict, records: dict[str, list[dict]]) -> Path:
    for kind, found in records.items():
        (folder / f"{kind}.json").write_text(json.dumps([{**image, kind: found}]), encoding="utf-8")
    return folder


def test_merged_ids_are_resolved_and_objects_that_only_relations_and_attributes_know_join_the_image(tmp_path):
    graphs, logs = load_visual_genome(write(tmp_path, IMAGE, CURRENT))
    assert [log.bad for log in logs] == [[], [], []]
    assert graphs["1"].objects == ("trees", "sidewalk", "building", "shade", "truck", "car", "man")
    assert graphs["1"].tuples() == {
        ("shade", "on", "sidewalk"),
        ("car", "next to", "man"),
        ("car", "near", "truck"),
        ("sidewalk", "is", "brick"),
        ("shade", "is", "dark"),
        ("truck", "is", "red"),
        ("truck", "is", "parked"),
    }


def test_an_id_of_an_object_of_its_own_is_not_that_of_one_it_was_merged_into(tmp_path):
    objects = [
        {"object_id": 1, "names": ["dog"], "merged_object_ids": [2]},
        {"object_id": 2, "names": ["cat"], "merged_object_ids": []},
    ]
    said = [{"object_id": 2, "attributes": ["black"]}]
    relation = {"predicate": "on", "subject": {"object_id": 1}, "object": {"object_id": 2}}
    records = {"objects": objects, "attributes": said, "relationships": [relation]}
    graphs, _ = load_visual_genome(write(tmp_path, IMAGE, records))
    assert graphs["1"].tuples() == {("cat", "is", "black"), ("dog", "on", "cat")}


def test_version_one_calls_its_ids_otherwise(tmp_path):
    graphs, logs = load_visual_genome(write(tmp_path, {"id": 1}, FIRST))
    assert [log.bad for log in logs] == [[], [], []]
    assert graphs["1"].objects == ("shade", "sidewalk")
    assert graphs["1"].tuples() == {("shade", "on", "sidewalk"), ("sidewalk", "is", "brick")}


def test_what_has_neither_a_known_id_nor_a_name_is_a_bad_record(tmp_path):
    nameless = {
        "predicate": "near",
        "relationship_id": 9,
        "subject": {"object_id": 77},
        "object": {"name": "man", "object_id": 1058532},
    }
    records = CURRENT | {"relationships": CURRENT["relationships"] * 60 + [nameless]}
    _, logs = load_visual_genome(write(tmp_path, IMAGE, records))
    rule = "must have a predicate and two objects with a known id or a name"
    assert logs[2].bad == [("image 1, relationship 9", rule)]
    write(tmp_path, IMAGE, records | {"relationships": [nameless]})
    with pytest.raises(ValueError, match=r"relationships\.json: 1 of 1 records are bad.*relationship 9"):
        load_visual_genome(tmp_path)


def test_an_image_without_an_id_or_without_records_is_a_bad_record(tmp_path):
    write(tmp_path, IMAGE, CURRENT)
    images = [{**IMAGE, "objects": CURRENT["objects"]}, {"image_id": 2}, {"objects": []}]
    (tmp_path / "objects.json").write_text(json.dumps(images), encoding="utf-8")
    with pytest.raises(ValueError, match=r"objects\.json: 2 of 6 records are bad.*record image 2: must have"):
        load_visual_genome(tmp_path)


def test_a_file_that_ends_too_soon_is_named(tmp_path):
    path = write(tmp_path, IMAGE, CURRENT) / "attributes.json"
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(ValueError, match=r"attributes\.json: must be whole JSON in UTF-8: .*column"):
        load_visual_genome(tmp_path)
