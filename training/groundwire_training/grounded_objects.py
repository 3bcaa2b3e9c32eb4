"""Described objects of photos, and the batches that stage 3 draws from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .predicates import Predicate, alias_index, canonical_predicate
from .scene_graph import SceneGraph
from .triples import Triple

IGNORED = -100


@dataclass(frozen=True)
class PhotoObjects:
    """One photo: descriptions ("brown dog"), their names, and related pairs by position in them."""

    descriptions: tuple[str, ...]
    names: tuple[str, ...]
    relations: tuple[tuple[int, int, int], ...]  # subject, predicate index, object


def without_relations(
    photos: Sequence[PhotoObjects], predicates: Sequence[str], banned: Set[Triple]
) -> list[PhotoObjects]:
    """The photos less the relations among `banned`: what a test calls unseen must not be seen in photos either."""

    def keep(photo: PhotoObjects, relation: tuple[int, int, int]) -> bool:
        subject, label, object_ = relation
        return (photo.names[subject], predicates[label], photo.names[object_]) not in banned

    return [
        replace(photo, relations=tuple(relation for relation in photo.relations if keep(photo, relation)))
        for photo in photos
    ]


def merge_graphs(graphs: Sequence[SceneGraph], index: dict[str, int], max_objects: int) -> PhotoObjects:
    """The graphs of a photo's captions as one; equal descriptions are one object.

    Objects beyond `max_objects` and relations outside the vocabulary are left out.
    """
    positions: dict[str, int] = {}
    names: list[str] = []
    relations: dict[tuple[int, int, int], None] = {}
    for graph in graphs:
        local = []
        for description, name in zip(graph.descriptions(), graph.objects, strict=True):
            if description not in positions and len(names) < max_objects:
                positions[description] = len(names)
                names.append(name)
            local.append(positions.get(description))
        for subject, predicate, object_ in graph.relations:
            label = index.get(canonical_predicate(predicate))
            ends = (local[subject], local[object_])
            if label is not None and ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
                relations[ends[0], label, ends[1]] = None
    return PhotoObjects(tuple(positions), tuple(names), tuple(relations))


def merge_photos(
    photos: dict[str, list[SceneGraph]], predicates: Sequence[Predicate], max_objects: int
) -> dict[str, PhotoObjects]:
    """Photos with at least one object."""
    index = alias_index(list(predicates))
    merged = {file: merge_graphs(graphs, index, max_objects) for file, graphs in photos.items()}
    return {file: photo for file, photo in merged.items() if photo.names}


def object_classes(photos: dict[str, PhotoObjects], min_count: int) -> list[str]:
    """Names of at least `min_count` objects, by descending count: the classes come from the data."""
    counts = Counter(name for photo in photos.values() for name in photo.names)
    classes = [name for name, count in counts.most_common() if count >= min_count]
    if not classes:
        raise ValueError(f"min_class_count: no object name occurs {min_count} times in {len(photos)} photos")
    return classes


@dataclass(frozen=True)
class ObjectBatch:
    """See `relational.RelationalBatch`; `texts` are the batch's distinct descriptions."""

    texts: list[str]
    objects_bn: Tensor
    mask_bn: Tensor
    classes_bn: Tensor
    pairs_m3: Tensor
    labels_m: Tensor


def collate(photos: Sequence[PhotoObjects], classes: dict[str, int]) -> ObjectBatch:
    texts: dict[str, int] = {}
    width = max(len(photo.names) for photo in photos)
    objects_bn = np.zeros((len(photos), width), dtype=np.int64)
    mask_bn = np.zeros((len(photos), width), dtype=bool)
    classes_bn = np.full((len(photos), width), IGNORED, dtype=np.int64)
    pairs, labels = [], []
    for row, photo in enumerate(photos):
        count = len(photo.names)
        objects_bn[row, :count] = [texts.setdefault(text, len(texts)) for text in photo.descriptions]
        mask_bn[row, :count] = True
        classes_bn[row, :count] = [classes.get(name, IGNORED) for name in photo.names]
        pairs += [(row, subject, object_) for subject, _, object_ in photo.relations]
        labels += [label for _, label, _ in photo.relations]
    return ObjectBatch(
        list(texts),
        torch.from_numpy(objects_bn),
        torch.from_numpy(mask_bn),
        torch.from_numpy(classes_bn),
        torch.tensor(pairs, dtype=torch.long).reshape(-1, 3),
        torch.tensor(labels, dtype=torch.long),
    )
