"""Configuration of stage 3; see `config.py` for the presets' meaning."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .config import PAPER_LOOP, SMOKE_PHOTOS, SMOKE_WORDS, LoopConfig
from .relation_training import RelationConfig


@dataclass(frozen=True, kw_only=True)
class Stage3Config(LoopConfig):
    """Relational grounding (paper, section 2.4) and the additions of model.md, section 2."""

    top_layers: int
    dropout: float
    visual_learning_rate: float  # visual stream, cross-attention
    head_learning_rate: float  # imagination, operators, classes
    heads: int = 8
    subspace: int = 32
    max_objects: int = 32
    min_class_count: int = 10  # object names below it have no class
    imagined_hidden: int = 512
    imagined_dropout: float = 0.0
    imagine_weight: float = 0.0  # imagined objects follow grounded ones, and relate as they do
    text_pairs: int = 0  # pairs of each text-only source in a step
    text_weight: float = 0.0
    text_pair_weight: float = 0.1  # pair given relation, on text-only triples
    distill_weight: float = 0.0
    distill_words: int = 0
    plain_words: int | None = None  # only the most frequent words of the list; None: all
    word_pooling: str = "content"
    views: int = 1  # of each photo: itself, then mirrored, then augmented ones (`features.py`)

    @property
    def imagines(self) -> bool:
        """Whether the imagination learns in this stage, or only after it (`relation_refinement.py`)."""
        return bool(self.imagine_weight or (self.text_pairs and self.text_weight))


STAGE3_PRESETS = {
    "paper": Stage3Config(
        **PAPER_LOOP,
        epochs=150,
        batch_size=180,
        learning_rate=1e-5,
        visual_learning_rate=1e-5,
        head_learning_rate=1e-5,
        top_layers=2,
        dropout=0.1,
    ),
    "compact": Stage3Config(
        seed=0,
        epochs=3,
        batch_size=96,
        learning_rate=2e-5,
        visual_learning_rate=1e-4,
        head_learning_rate=1e-3,
        betas=(0.9, 0.98),
        weight_decay=1e-4,
        schedule="cosine",
        warmup_steps=30,
        clip_norm=5.0,
        patience=3,
        bf16=True,
        top_layers=2,
        dropout=0.1,
        imagined_dropout=0.4,
        imagine_weight=0.5,
        text_pairs=192,
        text_weight=1.0,
        distill_weight=20.0,
        distill_words=128,
        views=12,
    ),
    "smoke": Stage3Config(
        seed=0,
        epochs=1,
        batch_size=8,
        max_photos=SMOKE_PHOTOS,
        learning_rate=2e-5,
        visual_learning_rate=1e-4,
        head_learning_rate=1e-3,
        top_layers=2,
        dropout=0.1,
        max_objects=8,
        min_class_count=2,
        imagine_weight=0.5,
        text_pairs=16,
        text_weight=1.0,
        distill_weight=20.0,
        distill_words=8,
        plain_words=SMOKE_WORDS,
    ),
}

# On a GPU the tail augments, and two views of each photo fill as much as fits.
STAGE3_PRESETS["compact-gpu"] = dataclasses.replace(STAGE3_PRESETS["compact"], views=2)

# How stage 3 ends (`relation_refinement.py`). The paper has no imagination, but a bundle cannot relate words
# without one: it learns over the published operators, which stay as they are.
RELATION_PRESETS = {
    "paper": RelationConfig(operators=False),
    "compact": RelationConfig(),
    "smoke": RelationConfig(trials=1, epochs=1),
}
