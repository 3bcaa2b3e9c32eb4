"""Configuration of stage 1; see `config.py` for the presets' meaning."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .config import SMOKE_PHOTOS, LoopConfig


@dataclass(frozen=True, kw_only=True)
class Stage1Config(LoopConfig):
    """Classification with a frozen trunk (paper, section 2.1)."""

    trunk: str
    dropout: float
    heads: int = 12
    position: str = "learned"
    hidden: int = 4096  # width of the classifier's two hidden layers
    photos_per_class: int | None = None  # the first of each class; None: all
    # The trunk's grids of all photos on disk (half a megabyte a photo for VGG-16, both sides), or the trunk
    # at every step, which alone allows random crops.
    feature_cache: bool = True
    crop_scale: tuple[float, float] | None = None  # share of the photo's area in a random crop
    mirror: bool = True
    workers: int = 8  # threads that decode photos


STAGE1_PRESETS = {
    "paper": Stage1Config(
        seed=0,
        epochs=200,
        batch_size=200,
        learning_rate=0.01,
        optimizer="sgd",
        momentum=0.9,
        weight_decay=1e-4,
        halve_every=20,
        trunk="vgg16",
        dropout=0.1,
        feature_cache=False,
        crop_scale=(0.08, 1.0),
    ),
    "compact": Stage1Config(
        seed=0,
        epochs=8,
        batch_size=128,
        learning_rate=0.01,
        optimizer="sgd",
        weight_decay=1e-4,
        schedule="cosine",
        warmup_steps=50,
        clip_norm=5.0,
        patience=3,
        bf16=True,
        trunk="mobilenet_v2_tuned",
        dropout=0.1,
        hidden=1024,
    ),
    "smoke": Stage1Config(
        seed=0,
        epochs=1,
        batch_size=16,
        max_photos=SMOKE_PHOTOS,
        learning_rate=0.01,
        optimizer="sgd",
        trunk="mobilenet_v2",
        dropout=0.1,
        hidden=64,
        photos_per_class=1,
        workers=2,
    ),
}
STAGE1_PRESETS["compact-gpu"] = dataclasses.replace(
    STAGE1_PRESETS["compact"], trunk="mobilenet_v2_learned", feature_cache=False
)
