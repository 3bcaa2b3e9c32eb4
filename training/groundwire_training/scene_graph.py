"""Scene graphs: objects with attributes, and relations between them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .records import RecordLog

ATTRIBUTE_PREDICATE = "is"
FACTUAL_COLUMNS = ["image_id", "region_id", "caption", "scene_graph"]


@dataclass(frozen=True)
class SceneGraph:
    """Attributes and relations name objects by their index in `objects`; names may repeat."""

    objects: tuple[str, ...]
    attributes: tuple[tuple[int, str], ...] = ()
    relations: tuple[tuple[int, str, int], ...] = ()

    def __post_init__(self) -> None:
        named = [index for index, _ in self.attributes]
        named += [index for subject, _, object_ in self.relations for index in (subject, object_)]
        missing = next((index for index in named if not 0 <= index < len(self.objects)), None)
        if missing is not None:
            raise ValueError(f"graph: names object {missing}, has {len(self.objects)} objects")

    def tuples(self) -> set[tuple[str, str, str]]:
        """(subject, predicate, object) and (object, `is`, attribute), by name: what a parser is scored on."""
        relations = {(self.objects[s], predicate, self.objects[o]) for s, predicate, o in self.relations}
        return relations | {(self.objects[i], ATTRIBUTE_PREDICATE, value) for i, value in self.attributes}

    def descriptions(self) -> list[str]:
        """One phrase an object, its attributes in front: "brown dog"."""
        described = []
        for index, name in enumerate(self.objects):
            values = [value for owner, value in self.attributes if owner == index and not value.isdigit()]
            described.append(" ".join([*values, name]))
        return described

    def to_json(self) -> dict:
        return {
            "objects": list(self.objects),
            "attributes": [list(item) for item in self.attributes],
            "relations": [list(item) for item in self.relations],
        }

    @classmethod
    def from_json(cls, data: dict) -> SceneGraph:
        return cls(
            objects=tuple(data["objects"]),
            attributes=tuple((int(i), value) for i, value in data["attributes"]),
            relations=tuple((int(s), predicate, int(o)) for s, predicate, o in data["relations"]),
        )

    @classmethod
    def from_tuples(cls, tuples: Iterable[tuple[str, str, str]], extra: Iterable[str] = ()) -> SceneGraph:
        """Objects of one name are one object; `extra` are objects that no tuple names."""
        objects: dict[str, int] = {}
        attributes, relations = [], []
        for subject, predicate, value in tuples:
            index = objects.setdefault(subject, len(objects))
            if predicate == ATTRIBUTE_PREDICATE:
                attributes.append((index, value))
            else:
                relations.append((index, predicate, objects.setdefault(value, len(objects))))
        for name in extra:
            objects.setdefault(name, len(objects))
        return cls(tuple(objects), tuple(attributes), tuple(relations))


@dataclass(frozen=True)
class CaptionGraph:
    """One caption of a photo's region with the graph that people drew of it."""

    image_id: str
    caption: str
    graph: SceneGraph


def parse_factual(text: str) -> SceneGraph:
    """`( s , p , o ) , ( s , is , a )` -> graph; `( s )` is an object that stands alone."""
    tuples, alone = [], []
    for part in text.strip().split(" ) , ( "):
        fields = [field.strip() for field in part.strip().removeprefix("(").removesuffix(")").split(" , ")]
        if not all(fields) or len(fields) not in (1, 3):
            raise ValueError(f"scene_graph: a tuple has 1 or 3 names, got {part.strip()!r}")
        if len(fields) == 1:
            alone.append(fields[0])
        else:
            tuples.append((fields[0], fields[1], fields[2]))
    return SceneGraph.from_tuples(tuples, alone)


def load_factual(path: Path) -> tuple[list[CaptionGraph], RecordLog]:
    """FACTUAL's CSV. Raises `ValueError` where its header lacks one of `FACTUAL_COLUMNS`."""
    log = RecordLog(path=path)
    graphs: list[CaptionGraph] = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not set(FACTUAL_COLUMNS) <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: the header must have {FACTUAL_COLUMNS}, got {rows.fieldnames}")
        for row in rows:
            try:
                if any(row[column] is None for column in FACTUAL_COLUMNS):
                    raise ValueError(f"must have a field for each of {', '.join(FACTUAL_COLUMNS)}")
                if not row["caption"].strip():
                    raise ValueError("caption: must hold a visible character")
                graph = parse_factual(row["scene_graph"])
            except ValueError as error:
                log.skip(row["region_id"] or f"line {rows.line_num}", str(error))
                continue
            log.good()
            graphs.append(CaptionGraph(row["image_id"], row["caption"].strip(), graph))
    log.check()
    return graphs, log
