"""The predicate vocabulary: canonical names, surface variants (aliases), inverses and counts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Lemmatised Visual Genome names write these forms; the lemmatiser of the source is at fault.
RESPELLED = {"rid": "ride", "inside of": "inside", "has": "have"}
IRREGULAR = {
    "has": "have", "had": "have", "having": "have", "worn": "wear", "wore": "wear", "held": "hold",
    "stood": "stand", "sat": "sit", "lying": "lie", "laid": "lay", "made": "make", "hung": "hang",
    "eaten": "eat", "ate": "eat", "rode": "ride", "ridden": "ride", "built": "build", "drawn": "draw",
    "written": "write", "seen": "see", "grown": "grow", "flew": "fly", "flown": "fly", "swung": "swing",
    "thrown": "throw", "ran": "run", "caught": "catch", "tied": "tie", "kept": "keep", "fed": "feed",
    "led": "lead", "shown": "show", "bent": "bend", "shone": "shine", "swum": "swim", "set": "set",
}  # fmt: skip
# Read "X above Y" as "Y below X". A relation that is its own inverse stands with itself.
INVERSES = (
    ("above", "below"), ("over", "under"), ("in front of", "behind"), ("have", "of"), ("near", "near"),
    ("next to", "next to"), ("beside", "beside"), ("by", "by"), ("contain", "in"), ("wear", "worn by"),
    ("hold", "held by"), ("on left of", "on right of"), ("left of", "right of"),
    ("to left of", "to right of"), ("lead", "follow"), ("along", "along"), ("adjacent to", "adjacent to"),
    ("connect to", "connect to"), ("touch", "touch"), ("match", "match"),
)  # fmt: skip


@dataclass(frozen=True)
class Predicate:
    """`count` is the number of training tokens; `inverse` is another name of the vocabulary, or none."""

    name: str
    aliases: tuple[str, ...]
    inverse: str | None
    count: int

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "inverse": self.inverse,
            "count": self.count,
        }

    @classmethod
    def from_json(cls, data: dict) -> Predicate:
        return cls(data["name"], tuple(data["aliases"]), data["inverse"], int(data["count"]))


def canonical_predicate(text: str) -> str:
    """Merges the surface variants of one relation: `on a`, `be on` and `is on` are `on`."""
    name = " ".join(text.lower().split())
    name = re.sub(r"^(?:be|is|are)\s+(?=\S)", "", name)
    name = re.sub(r"(?<=\S)\s+(?:a|an|the)$", "", name)
    name = re.sub(r"\b(?:a|an|the)\s+", "", name) or name
    return RESPELLED.get(name, name)


class Lemmatizer:
    """Reduces a predicate's verb to the form in which the vocabulary writes it: "is riding a" -> "ride"."""

    def __init__(self, names: Iterable[str]) -> None:
        self.verbs = {name.split()[0] for name in names}

    def __call__(self, text: str) -> str:
        name = canonical_predicate(text)
        first, _, rest = name.partition(" ")
        return canonical_predicate(f"{self.verb(first)} {rest}".strip())

    def verb(self, word: str) -> str:
        if word in self.verbs:
            return word
        return next((stem for stem in stems(word) if stem in self.verbs), word)


def stems(word: str) -> list[str]:
    """Candidate base forms of an inflected English verb, likeliest first."""
    found = [IRREGULAR[word]] if word in IRREGULAR else []
    for ending, replacements in (("ing", ("", "e")), ("ies", ("y",)), ("ied", ("y",)), ("es", ("", "e")),
                                 ("ed", ("", "e")), ("s", ("",))):  # fmt: skip
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word.removesuffix(ending)
            found += [stem + replacement for replacement in replacements]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                found.append(stem[:-1])
    return found


def build_predicates(
    counts: Counter[str], surface: Counter[str], *, keep: set[str], min_count: int
) -> list[Predicate]:
    """The vocabulary by descending count.

    `counts` are training tokens by raw predicate; a canonical name enters when it has `min_count` of them
    or stands in `keep`. `surface` are raw names whose inflected forms become aliases.
    """
    merged: Counter[str] = Counter()
    for raw, count in counts.items():
        merged[canonical_predicate(raw)] += count
    names = [name for name, count in merged.items() if count >= min_count or name in keep]
    names.sort(key=lambda name: (-merged[name], name))
    aliases = collect_aliases(names, {*counts, *surface})
    inverses = inverse_table(set(names))
    return [Predicate(name, aliases[name], inverses.get(name), merged[name]) for name in names]


def collect_aliases(names: list[str], surface: set[str]) -> dict[str, tuple[str, ...]]:
    """Surface forms by the name they reduce to; a form that is a name itself is nobody's alias."""
    lemmatize = Lemmatizer(names)
    found: dict[str, set[str]] = {name: set() for name in names}
    for form in surface:
        form = " ".join(form.lower().split())
        target = lemmatize(form)
        if form not in found and target in found:
            found[target].add(form)
    return {name: tuple(sorted(forms)) for name, forms in found.items()}


def inverse_table(names: set[str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for left, right in INVERSES:
        if left in names and right in names:
            table.setdefault(left, right)
            table.setdefault(right, left)
    return table


def load_surface_forms(data: Path) -> Counter[str]:
    """Raw Visual Genome relation names: counts, and the alias lists (GQA's names count 1 each)."""
    forms: Counter[str] = Counter()
    folder = data / "relations"
    counts = folder / "visual-genome" / "relations_count.tsv"
    if counts.is_file():
        with counts.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                forms[row["relation"]] += int(row["count"])
    aliases = folder / "visual-genome" / "relationship_alias.txt"
    if aliases.is_file():
        for line in aliases.read_text(encoding="utf-8").splitlines():
            forms.update(form.strip() for form in line.split(",") if form.strip())
    ontology = folder / "gqa-ontology" / "relations.txt"
    if ontology.is_file():
        for line in ontology.read_text(encoding="utf-8").splitlines():
            if line.strip():
                forms[line.split(",")[0].strip()] += 1
    return forms


def alias_index(predicates: list[Predicate]) -> dict[str, int]:
    """Every known spelling -> index in the vocabulary."""
    index: dict[str, int] = {}
    for position, predicate in enumerate(predicates):
        for alias in predicate.aliases:
            index[alias] = position
    return index | {predicate.name: position for position, predicate in enumerate(predicates)}
