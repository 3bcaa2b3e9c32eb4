"""Configuration of stages 1, 2 and 4: one keyword-only dataclass a stage, saved as JSON beside the weights.

Presets: `paper` has exactly the published values (model.md, section 1), `compact` what measures best on
the validation split of the data at hand, `smoke` the smallest run that passes through every line.
`compact-gpu` is what `compact` means where there is a GPU; a run goes on as it was begun, wherever that is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch

from .checkpoint import write_json
from .field_values import check_ranges, parse_value
from .hardware import has_bf16

Config = TypeVar("Config", bound="LoopConfig")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """What every stage's training loop needs. Learning rates are peaks; see `train_loop.rate_at`."""

    seed: int
    epochs: int
    batch_size: int  # items of one part of a step, over all ranks
    learning_rate: float
    optimizer: str = "adamw"  # "adamw", "adam" (decay joins the gradient, as published) or "sgd"
    momentum: float = 0.9  # of "sgd"
    betas: tuple[float, float] = (0.95, 0.999)
    weight_decay: float = 5e-7
    schedule: str = "halving"  # "halving": halved every `halve_every` epochs; "cosine": to zero
    halve_every: int = 15  # epochs
    warmup_steps: int = 0
    clip_norm: float | None = None
    accumulation: int = 1  # parts of a step, each a batch of its own that is contrasted on its own
    validate_every: int = 1  # epochs; the last one is always validated
    patience: int | None = None  # validations without improvement before an early stop
    checkpoint_minutes: float = 3.0
    bf16: bool = False
    max_photos: int | None = None  # only the first photos of each split; None: all

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class LexicalConfig(LoopConfig):
    """The text-only warm-up of stage 2 (`lexical.py`)."""

    embedding_learning_rate: float
    top_layers: int
    max_tokens: int = 16
    word_pooling: str = "content"


@dataclass(frozen=True, kw_only=True)
class Stage2Config(LoopConfig):
    """Two-stream contrast (paper, section 2.3) and the additions of model.md, section 2.5."""

    trunk: str
    top_layers: int  # BERT layers that learn, counted from the last
    dropout: float
    visual_learning_rate: float
    tail_learning_rate: float = 0.0  # of the layers that a trunk leaves to the visual stream
    sigma: float = 0.1
    heads: int = 12
    position: str = "learned"
    head_gain: float | None = None  # language and visual heads start at gain x identity; None: random
    learn_scale: bool = False  # one learned factor on the similarity
    max_caption_tokens: int = 64
    attention_dropout: float = 0.1  # of BERT's attention weights; 0 lets the fused kernel run
    views: int = 1  # of each photo: itself, then mirrored, then augmented ones (`features.py`)
    word_weight: float = 0.0  # photos against single words and phrases of their captions
    phrase_share: float = 0.3  # of those, how many are two-word phrases
    text_negatives: int = 0  # frequent words said of no photo, added to each step's words
    distill_weight: float = 0.0  # cosine matrix of the ungrounded teacher
    distill_words: int = 0  # frequent words added to each step for it
    plain_words: int | None = None  # only the most frequent words of the list; None: all
    taxonomy_share: float = 0.0  # of WordNet in the words' targets; 0: the teacher's own vectors
    lexical_weight: float = 0.0  # 1 - cosine to the words' targets
    property_weight: float = 0.0  # "yellow banana" against "black banana" for "banana"
    property_objects: int = 0  # objects a step, of one property table
    property_sigma: float = 0.05
    word_pooling: str = "content"
    gradient_checkpointing: bool = False


PAPER_LOOP: dict[str, Any] = {
    "seed": 0,
    "optimizer": "adam",
    "betas": (0.95, 0.999),
    "weight_decay": 5e-7,
    "halve_every": 15,
}
SMOKE_PHOTOS = 64
SMOKE_WORDS = 1000

# Presets without an entry have no warm-up.
LEXICAL_PRESETS = {
    "compact": LexicalConfig(
        seed=0,
        epochs=10,
        batch_size=1024,
        learning_rate=4e-4,
        embedding_learning_rate=2e-3,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        schedule="cosine",
        warmup_steps=50,
        clip_norm=1.0,
        bf16=True,
        top_layers=6,
    ),
}

STAGE2_PRESETS = {
    "paper": Stage2Config(
        **PAPER_LOOP,
        epochs=100,
        batch_size=180,
        learning_rate=5e-5,
        visual_learning_rate=5e-5,
        trunk="vgg16",
        top_layers=8,
        dropout=0.3,
    ),
    "compact": Stage2Config(
        seed=0,
        epochs=6,
        batch_size=128,
        learning_rate=4e-5,
        visual_learning_rate=2.4e-4,
        tail_learning_rate=8e-5,
        betas=(0.9, 0.98),
        weight_decay=1e-4,
        schedule="cosine",
        warmup_steps=50,
        clip_norm=5.0,
        patience=4,
        bf16=True,
        trunk="mobilenet_v2_tuned",
        top_layers=6,
        dropout=0.2,
        head_gain=0.1,
        learn_scale=True,
        max_caption_tokens=24,
        views=12,
        word_weight=1.0,
        text_negatives=128,
        distill_weight=20.0,
        distill_words=256,
        taxonomy_share=0.5,
        lexical_weight=3.0,
        property_weight=0.6,
        property_objects=8,
    ),
    "smoke": Stage2Config(
        seed=0,
        epochs=1,
        batch_size=8,
        max_photos=SMOKE_PHOTOS,
        learning_rate=1e-4,
        visual_learning_rate=6e-4,
        trunk="mobilenet_v2",
        top_layers=2,
        dropout=0.1,
        head_gain=0.1,
        learn_scale=True,
        max_caption_tokens=16,
        views=3,
        word_weight=1.0,
        text_negatives=8,
        distill_weight=20.0,
        distill_words=8,
        plain_words=SMOKE_WORDS,
    ),
}

# On a GPU every layer of the trunk learns, from photos that are changed at every step.
STAGE2_PRESETS["compact-gpu"] = dataclasses.replace(
    STAGE2_PRESETS["compact"],
    epochs=8,
    validate_every=2,
    views=2,
    trunk="mobilenet_v2_learned",
)

# A pass of stage 2 before it, and before the warm-up: photos need more epochs than words stay near their targets for.
# Presets without an entry have one pass.
FIRST_PASS_PRESETS = {
    "compact": dataclasses.replace(
        STAGE2_PRESETS["compact"],
        epochs=28,
        validate_every=4,
        learning_rate=1e-4,
        visual_learning_rate=6e-4,
        tail_learning_rate=2e-4,
        lexical_weight=0.0,
        property_weight=0.3,
    ),
}
FIRST_PASS_PRESETS["compact-gpu"] = dataclasses.replace(
    FIRST_PASS_PRESETS["compact"],
    epochs=30,
    validate_every=5,
    views=2,
    trunk="mobilenet_v2_learned",
)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """`--set name=value`, any number of times: overrides fields of the preset."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="override the preset"
    )


def preset_on(device: str, presets: Mapping[str, Config], preset: str) -> Config:
    """The preset as it is on a kind of device, "cuda" or "cpu": in bfloat16 only where this machine has it."""
    variant = f"{preset}-gpu"
    config = presets[variant if device == "cuda" and variant in presets else preset]
    return dataclasses.replace(config, bf16=config.bf16 and has_bf16())


def begun_on(
    stage_dir: Path, presets: Mapping[str, Config], preset: str, overrides: Sequence[str] = ()
) -> str | None:
    """The kind of device, "cuda" or "cpu", on which a stage of the run has begun; none where it has not, or
    where the preset has no variant.

    It is told from the stage's saved configuration, by the variant that has more of its values.
    """
    path = stage_dir / "config.json"
    if f"{preset}-gpu" not in presets or not path.is_file():
        return None
    saved = json.loads(path.read_text(encoding="utf-8"))

    def shared(device: str) -> int:
        config = to_json(configure(presets, preset, overrides, device))
        return sum(saved.get(name) == value for name, value in config.items())

    on_cuda, on_cpu = shared("cuda"), shared("cpu")
    return None if on_cuda == on_cpu else "cuda" if on_cuda > on_cpu else "cpu"


def configure(
    presets: Mapping[str, Config], preset: str, overrides: Sequence[str], begun: str | None = None
) -> Config:
    """The preset with its overrides, as it is on the device that `begun_on` found, or else on this machine's.

    Raises `ValueError` for an unknown name, and for a value of the wrong type or out of its range.
    """
    config = preset_on(begun or ("cuda" if torch.cuda.is_available() else "cpu"), presets, preset)
    kinds = get_type_hints(type(config))
    values: dict[str, Any] = {}
    for override in overrides:
        name, _, text = override.partition("=")
        if name not in kinds:
            raise ValueError(f"--set: {name!r} is not a field; valid ones are {', '.join(sorted(kinds))}")
        values[name] = parse_value(name, text, kinds[name])
    return dataclasses.replace(config, **values)


def to_json(config: LoopConfig) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(config)))


def load_config(kind: type[Config], path: Path) -> Config:
    """A stage's configuration as `save_config` wrote it. Raises `FileNotFoundError` before the stage ran."""
    if not path.is_file():
        raise FileNotFoundError(f"configuration: {path} is missing; run that stage first")
    saved = json.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(set(saved) - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise ValueError(f"configuration: {path} has fields of another version: {', '.join(unknown)}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()
    }
    return kind(**values)


def save_config(config: LoopConfig, path: Path) -> None:
    """Written whole or not at all: every start of a stage writes it, and a run without it cannot go on."""
    write_json(path, to_json(config))
