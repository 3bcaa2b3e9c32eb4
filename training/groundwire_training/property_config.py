"""Configuration of `properties.py`; see `config.py` for the presets' meaning."""

from __future__ import annotations

from dataclasses import dataclass

from .config import LoopConfig


@dataclass(frozen=True, kw_only=True)
class PropertyConfig(LoopConfig):
    """`batch_size` counts objects; each comes with all its versions."""

    steps_per_epoch: int
    top_layers: int  # BERT layers that learn, counted from the last
    property_weight: float = 1.0
    property_sigma: float = 0.02
    hold_weight: float  # of what must stay where it is
    versions_share: float  # of it, for the versions themselves, which must move
    tokens_share: float  # of it, for the tokens of captions
    held_words: int  # a step, each of the next three
    held_phrases: int
    held_captions: int
    max_tokens: int = 16
    max_caption_tokens: int = 24
    validation_words: int  # the most frequent single words, among which an unseen phrase's nearest are found


# The paper has no such end.
PROPERTY_PRESETS = {
    "compact": PropertyConfig(
        seed=0,
        epochs=8,
        validate_every=2,
        steps_per_epoch=60,
        batch_size=12,
        learning_rate=6e-5,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        schedule="cosine",
        warmup_steps=30,
        clip_norm=1.0,
        top_layers=6,
        hold_weight=60.0,
        versions_share=0.05,
        tokens_share=0.5,
        held_words=64,
        held_phrases=144,
        held_captions=12,
        validation_words=12_000,
    ),
    "smoke": PropertyConfig(
        seed=0,
        epochs=1,
        steps_per_epoch=4,
        batch_size=2,
        learning_rate=1e-4,
        top_layers=2,
        hold_weight=60.0,
        versions_share=0.05,
        tokens_share=0.5,
        held_words=8,
        held_phrases=8,
        held_captions=2,
        validation_words=1_000,
    ),
}
