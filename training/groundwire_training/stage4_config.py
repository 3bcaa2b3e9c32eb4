"""Configuration of stage 4; see `config.py` for the presets' meaning."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .config import PAPER_LOOP, SMOKE_PHOTOS, LoopConfig


@dataclass(frozen=True, kw_only=True)
class Stage4Config(LoopConfig):
    """Cross-modal retrieval on frozen streams (paper, section 2.5) and what measures better."""

    dropout: float
    position: str = "learned"  # must be that of the run's visual stream, which is frozen here
    sigma: float = 0.1
    learn_sigma: bool = False  # sigma is then only its start
    pooling: str = "mean"  # "attention": weights per head, learned, that start as the mean
    pooling_heads: int = 8
    attention_skip: bool = False  # the photo's embedding also sees positions as they come to the attention
    captions_per_photo: int = 1  # of a step: more captions are more negatives
    views: int = 1  # of each photo: itself, then mirrored, then augmented ones (`features.py`)
    matchmap_weight: float = 0.0  # refits stage 2's two linear heads to the streams that stage 3 moved
    matchmap_learning_rate: float = 2e-4
    matchmap_rows: int = 64  # of a batch, on one rank, that the refit sees
    max_caption_tokens: int = 64


STAGE4_PRESETS = {
    "paper": Stage4Config(**PAPER_LOOP, epochs=150, batch_size=300, learning_rate=5e-5, dropout=0.1),
    "compact": Stage4Config(
        seed=0,
        epochs=30,
        batch_size=300,
        learning_rate=1e-3,
        betas=(0.9, 0.98),
        weight_decay=1e-2,
        schedule="cosine",
        warmup_steps=20,
        clip_norm=5.0,
        patience=6,
        bf16=True,
        dropout=0.0,
        learn_sigma=True,
        pooling="attention",
        attention_skip=True,
        captions_per_photo=5,
        views=6,
        matchmap_weight=1.0,
        max_caption_tokens=32,
    ),
    "smoke": Stage4Config(
        seed=0,
        epochs=1,
        batch_size=8,
        max_photos=SMOKE_PHOTOS,
        learning_rate=1e-3,
        dropout=0.1,
        learn_sigma=True,
        pooling="attention",
        captions_per_photo=2,
        views=2,
        matchmap_weight=1.0,
        matchmap_rows=8,
        max_caption_tokens=16,
    ),
}
# On a GPU the cache holds whole photos: two views of each fill as much as fits.
STAGE4_PRESETS["compact-gpu"] = dataclasses.replace(STAGE4_PRESETS["compact"], views=2)
