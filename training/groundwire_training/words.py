"""Single words and short phrases: what a caption says of its photo, and plain words for the teacher."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np

from .lexicon import VISUAL_GENOME_COUNTS

STOP_LIST = """
a an the is are was were be been being am in on at of to and or with for from by as it its his her their he
she they them him this that these those there while into onto up down out off over under through near next
front behind who which what whom whose has have had do does did not no some any another other others each
all both few more most one two three four five six seven eight nine ten several many very so too also just
like than then when where against along around across above below between beside towards toward during after
before about himself herself itself themselves something someone i you we my your our if but can will would
could should because back side top bottom left right inside outside together
"""
STOP_WORDS = frozenset(STOP_LIST.split())
TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*")
MIN_LETTERS = 3
LISTED_WORDS = 30_000


def content_words(caption: str) -> list[str]:
    """Words of a caption that may name something in the photo, in order, lower case."""
    return [word for word in TOKEN.findall(caption.lower()) if is_content(word)]


def content_phrases(caption: str) -> list[str]:
    """Pairs of neighboring content words, such as "brown dog" or "dog running"."""
    tokens = TOKEN.findall(caption.lower())
    pairs = itertools.pairwise(tokens)
    return [f"{first} {second}" for first, second in pairs if is_content(first) and is_content(second)]


def is_content(word: str) -> bool:
    return len(word) >= MIN_LETTERS and word not in STOP_WORDS


def described(captions: list[str]) -> tuple[list[str], list[str]]:
    """(words, phrases) that a photo's captions say of it, without repeats, sorted."""
    words = sorted({word for caption in captions for word in content_words(caption)})
    phrases = sorted({phrase for caption in captions for phrase in content_phrases(caption)})
    return words, phrases


def frequent_words(listing: Path | None) -> list[str]:
    """Words and phrases by descending frequency: a file with one a line, else wordfreq's English list."""
    if listing is not None:
        if not listing.is_file():
            raise FileNotFoundError(f"--words: {listing} is missing")
        entries = listing.read_text(encoding="utf-8").split("\n")
    else:
        try:
            from wordfreq import top_n_list
        except ImportError as error:
            raise ValueError("--words: give a list of words, or install the extra `base`") from error
        entries = top_n_list("en", LISTED_WORDS)
    words = [entry for entry in entries if len(entry) >= MIN_LETTERS and entry.isascii() and is_plain(entry)]
    if not words:
        raise ValueError("--words: must list at least one word of three letters or more")
    return words


def seen_names(data: Path) -> set[str]:
    """Names and attributes that annotators gave to things in photos (Visual Genome's counts), if at hand."""
    return {name for file in VISUAL_GENOME_COUNTS for name in counted_names(data, file)}


def counted_names(data: Path, file: str) -> list[str]:
    """Names in one of Visual Genome's counts, by descending count; none where it is not at hand."""
    path = data / "relations" / "visual-genome" / file
    if not path.is_file():
        return []
    return [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def is_plain(entry: str) -> bool:
    return entry.replace(" ", "").replace("-", "").isalpha()


def draw_frequent(count: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """`size` indices below `count`, leaning to the front of a list sorted by frequency."""
    return (generator.random(size) ** 1.5 * count).astype(np.int64)
