"""Aligns FACTUAL's graphs with the words of their captions: the targets of the caption parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from .scene_graph import ATTRIBUTE_PREDICATE, CaptionGraph

SIMILAR = 0.75  # least character similarity at which a word of the graph is a respelling of the caption's
# FACTUAL writes these words of a caption in another form.
REWRITTEN = {"a": "1", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
             "seven": "7", "eight": "8", "nine": "9", "ten": "10", "couple": "2", "pair": "2", "both": "2",
             "guy": "person", "they": "people", "everyone": "people", "she": "woman"}  # fmt: skip

Span = tuple[int, int]  # words [start, end)


@dataclass(frozen=True)
class AlignedCaption:
    """Spans of a caption's words. A link's value is a span for attributes and objects alike."""

    words: tuple[str, ...]
    objects: tuple[Span, ...]
    attributes: tuple[Span, ...]
    names: dict[Span, str]  # what the graph writes for a span
    links: tuple[tuple[Span, str, Span], ...]  # subject span, predicate (`is` for an attribute), value span
    plural: frozenset[Span]  # objects that the graph counts as two or more though no word says so


def split_words(caption: str) -> list[str]:
    """Lower-case words and single punctuation marks; possessive `'s` stands alone."""
    return re.findall(r"'s\b|[^\W_]+(?:[-.'](?!s\b)[^\W_]+)*|[^\w\s]", caption.lower())


def align(item: CaptionGraph) -> AlignedCaption:
    """Parts of the graph that no words stand for are left out: they cannot be learned from the caption."""
    words = split_words(item.caption)
    graph = item.graph
    taken: set[int] = set()
    spans: dict[int, Span] = {}
    # Longer names first, so that "train" does not take a word of "train track".
    for index in sorted(range(len(graph.objects)), key=lambda i: -len(graph.objects[i].split())):
        span = find_span(words, graph.objects[index].split(), taken)
        if span:
            spans[index] = span
            taken.update(range(*span))
    names = {span: graph.objects[index] for index, span in spans.items()}
    links, attributes, plural = [], [], set()
    for owner, value in graph.attributes:
        if owner not in spans:
            continue
        span = find_span(words, value.split(), taken, near=spans[owner][0])
        if span:
            attributes.append(span)
            names[span] = value
            links.append((spans[owner], ATTRIBUTE_PREDICATE, span))
        elif value == "2":
            plural.add(spans[owner])
    for subject, predicate, object_ in graph.relations:
        if subject in spans and object_ in spans and subject != object_:
            links.append((spans[subject], predicate, spans[object_]))
    return AlignedCaption(
        words=tuple(words),
        objects=tuple(sorted(spans.values())),
        attributes=tuple(sorted(set(attributes))),
        names=names,
        links=tuple(links),
        plural=frozenset(plural),
    )


def find_span(words: Sequence[str], name: Sequence[str], taken: set[int], near: int = 0) -> Span | None:
    """The free span whose words are, or nearly are, those of `name`; the closest before `near` wins."""
    best: tuple[float, Span] | None = None
    for start in range(len(words) - len(name) + 1):
        if any(position in taken for position in range(start, start + len(name))):
            continue
        score = sum(likeness(words[start + i], part) for i, part in enumerate(name)) / len(name)
        if score < SIMILAR:
            continue
        ranked = score - 0.001 * abs(start - near)
        if best is None or ranked > best[0]:
            best = (ranked, (start, start + len(name)))
    return best[1] if best else None


def likeness(word: str, name: str) -> float:
    """1 for the same word or number, else the share of characters in common."""
    if word == name or REWRITTEN.get(word) == name:
        return 1.0
    if word[:1] != name[:1]:
        return 0.0
    return 0.99 * SequenceMatcher(None, word, name, autojunk=False).ratio()
