"""Properties of things (color, material, shape) counted in scene descriptions, as text-only training material.

A table is a TSV with the header `object<TAB>value<TAB>...`: how often an object was said to have each value.
What is trained: among "black banana", "yellow banana", ..., the versions said most are nearest to "banana".
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MIN_COUNT = 5
VALIDATION_SHARE = 10  # one object in ten is held out


@dataclass(frozen=True)
class PropertyTable:
    """`shares[i, v]` is the share of value v among what was said of object i; `counts[i]` how often."""

    objects: list[str]
    values: list[str]
    shares: np.ndarray
    counts: np.ndarray

    def phrases(self, row: int) -> list[str]:
        """The object with each value in front."""
        return [f"{value} {self.objects[row]}" for value in self.values]

    def versions(self, rows: np.ndarray) -> list[str]:
        """Each of the rows' objects, followed by its phrases."""
        return [text for row in rows for text in (self.objects[row], *self.phrases(row))]

    @property
    def log_prior(self) -> np.ndarray:
        """Log of each value's share among all that was said [V]; what was never said counts as said once."""
        said = (self.shares * self.counts[:, None]).sum(0) + 1
        return np.log(said / said.sum())

    def draw(self, size: int, generator: np.random.Generator) -> np.ndarray:
        """Rows, the often described ones more often (square-root sampling)."""
        weights = np.sqrt(self.counts)
        return generator.choice(len(self.objects), size, p=weights / weights.sum())

    def subset(self, rows: np.ndarray) -> PropertyTable:
        return PropertyTable(
            [self.objects[row] for row in rows], self.values, self.shares[rows], self.counts[rows]
        )


def load_table(path: Path) -> PropertyTable:
    if not path.is_file():
        raise FileNotFoundError(f"properties: {path} is missing")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    kept = [row for row in rows if row[0].replace(" ", "").isalpha() and sum(map(int, row[1:])) >= MIN_COUNT]
    if not kept:
        raise ValueError(f"{path}: no object was described {MIN_COUNT} times")
    counts = np.array([[int(field) for field in row[1:]] for row in kept], dtype=np.float64)
    totals = counts.sum(1)
    return PropertyTable([row[0] for row in kept], header[1:], counts / totals[:, None], totals)


def split_table(table: PropertyTable) -> tuple[PropertyTable, PropertyTable]:
    """(training, validation): held out by a hash of the object's name, whatever else the table holds."""
    held = np.array([is_held_out(name) for name in table.objects])
    return table.subset(np.flatnonzero(~held)), table.subset(np.flatnonzero(held))


def is_held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % VALIDATION_SHARE == 0


def load_tables(data: Path) -> dict[str, PropertyTable]:
    """Color, material and shape of `<data>/relations/vicomte`."""
    folder = data / "relations" / "vicomte"
    return {name: load_table(folder / f"{name}.tsv") for name in ("color", "material", "shape")}
