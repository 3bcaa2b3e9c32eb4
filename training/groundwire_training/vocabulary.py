"""What stage 2 may say of a photo: the words and phrases of its captions, and plain words beside them."""

from __future__ import annotations

import numpy as np

from .config import Stage2Config
from .data import CaptionedSplit
from .words import described, draw_frequent


class Vocabulary:
    """Words and phrases said of the training photos, and plain words.

    `seen` are names that things in other photos go by: a plain word that is one of them is no negative.
    """

    def __init__(self, split: CaptionedSplit, plain: list[str], seen: set[str]) -> None:
        said = [described(captions) for captions in split.captions]
        self.texts = sorted({text for words, phrases in said for text in (*words, *phrases)})
        index = {text: i for i, text in enumerate(self.texts)}
        self.words = [np.array([index[w] for w in words], dtype=np.int64) for words, _ in said]
        self.phrases = [np.array([index[p] for p in phrases], dtype=np.int64) for _, phrases in said]
        self.all_of = [
            frozenset(np.concatenate(pair).tolist()) for pair in zip(self.words, self.phrases, strict=True)
        ]
        rest = [word for word in plain if word not in index]
        index |= {word: len(self.texts) + i for i, word in enumerate(rest)}
        self.texts = self.texts + rest
        self.unsaid = np.array([index[word] for word in rest if word not in seen])
        self.plain = np.array([index[word] for word in plain])

    def draw(self, photos: np.ndarray, draw: np.random.Generator, config: Stage2Config) -> np.ndarray:
        """Indices: one word or phrase a photo, then the text-only negatives, then plain words."""
        said = (
            [self.draw_said(photo, draw, config.phrase_share) for photo in photos]
            if config.word_weight
            else []
        )
        negatives = self.unsaid[draw_frequent(len(self.unsaid), config.text_negatives, draw)]
        plain = self.plain[draw_frequent(len(self.plain), config.distill_words, draw)]
        return np.concatenate([np.array(said, dtype=np.int64), negatives, plain])

    def draw_said(self, photo: int, draw: np.random.Generator, phrase_share: float) -> int:
        from_phrases = draw.random() < phrase_share and len(self.phrases[photo]) > 0
        options = self.phrases[photo] if from_phrases or len(self.words[photo]) == 0 else self.words[photo]
        return int(options[draw.integers(len(options))])

    def said_of(self, photos: np.ndarray, words: np.ndarray) -> np.ndarray:
        """bool [B, W]: whether word w is in a caption of photo b."""
        return np.array([[int(word) in self.all_of[photo] for word in words] for photo in photos])
