"""Composition: encode "striped horse" and look where "zebra" ranks among the lexicon's single words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from groundwire_training.embedder import Embedder
from groundwire_training.metrics_similarity import normalize

# A sanity list beside the paper's example: shown, never selected on.
COMPOSITIONS = {
    "striped horse": "zebra",
    "baby dog": "puppy",
    "baby cat": "kitten",
    "frozen water": "ice",
    "female horse": "mare",
    "baby sheep": "lamb",
    "young cow": "calf",
    "frozen rain": "hail",
    "bird house": "nest",
    "flying mammal": "bat",
    "winter shoe": "boot",
    "large boat": "ship",
    "tall building": "skyscraper",
}


def load_words(lexicon: Path) -> list[str]:
    """Single words of a `lexicon.txt`: an entry with a space is a phrase."""
    entries = lexicon.read_text(encoding="utf-8").splitlines()
    return [entry for entry in entries if " " not in entry]


def evaluate_composition(embed: Embedder, words: Sequence[str]) -> dict:
    known = {phrase: word for phrase, word in COMPOSITIONS.items() if word in set(words)}
    if "striped horse" not in known:
        raise ValueError('lexicon: must hold the word "zebra", which the composition measure looks for')
    lexicon = normalize(embed(words))
    phrases = normalize(embed(list(known)))
    ranks = {
        phrase: rank_of(lexicon @ vector, words, target, exclude=phrase.split())
        for (phrase, target), vector in zip(known.items(), phrases, strict=True)
    }
    zebra_with_own = rank_of(lexicon @ phrases[list(known).index("striped horse")], words, "zebra")
    return {
        "zebraRank": ranks["striped horse"],
        "zebraRankOwnWordsKept": zebra_with_own,
        "compositionRanks": {f"{phrase} = {known[phrase]}": rank for phrase, rank in ranks.items()},
    }


def rank_of(scores: np.ndarray, words: Sequence[str], target: str, exclude: Sequence[str] = ()) -> int:
    """1-based rank of `target` by descending score; equal scores count against it."""
    index = words.index(target)
    rivals = np.array([word not in exclude and word != target for word in words])
    return 1 + int((scores[rivals] >= scores[index]).sum())
