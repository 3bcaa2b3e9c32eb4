"""One training step of each stage on random inputs of a preset's shapes: what is timed and what is counted.

The language model has the preset's size and random weights: BERT-base for `paper`, six layers of width 384
for `compact` and `smoke`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from .classifier import PhotoBatch, make_classifier
from .config import STAGE2_PRESETS, preset_on
from .cross_attention import CrossAttention
from .grounded_objects import IGNORED
from .losses import matchmap_similarity, pooled_contrast, symmetric_cross_entropy
from .predicates import Predicate
from .relational import Relational, RelationalBatch, RelationalOutput, class_loss
from .relations import RelationHead, relation_losses
from .retrieval import Retrieval, RetrievalBatch
from .stage1_config import STAGE1_PRESETS
from .stage3_config import STAGE3_PRESETS
from .stage4_config import STAGE4_PRESETS
from .trunk import GRIDS, Grid, load_trunk
from .two_stream import SharedHeads, Texts, TwoStream
from .visual_stream import make_visual

CLASSES = 1000
PREDICATES = 115
VOCABULARY = 30_522
OBJECTS = 16  # described objects of a photo, half of the most
PAIRS = 8  # related pairs of a photo
DESCRIPTION_TOKENS = 5


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Sizes of one step; `None` takes the preset's."""

    photos: int | None = None
    tokens: int | None = None
    positions: int | None = None


@dataclass(frozen=True, kw_only=True)
class SyntheticStep:
    """`loss(forward())` is a step's objective over `photos` photos; `scalar` stands in for a loss of no cost."""

    model: nn.Module
    photos: int
    forward: Callable[[], Any]
    loss: Callable[[Any], Tensor]
    scalar: Callable[[Any], Tensor]
    bf16: bool
    batch: Any = None


def make_step(stage: str, preset: str, device: torch.device, shapes: Shapes | None = None) -> SyntheticStep:
    """Raises `ValueError` for an unknown stage."""
    makers = {"stage1": stage1_step, "stage2": stage2_step, "stage3": stage3_step, "stage4": stage4_step}
    if stage not in makers:
        raise ValueError(f"stage: must be one of {', '.join(makers)}, got {stage!r}")
    torch.manual_seed(0)
    return makers[stage](preset, device, shapes or Shapes())


def make_bert(preset: str) -> BertModel:
    if preset == "paper":
        return BertModel(BertConfig(), add_pooling_layer=False)
    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    return BertModel(config, add_pooling_layer=False)


def random_texts(count: int, tokens: int, device: torch.device) -> Texts:
    ids = torch.randint(1000, VOCABULARY, (count, tokens), device=device)
    return Texts(ids, torch.ones_like(ids))


def cached_positions(grid: Grid, shapes: Shapes) -> int:
    """Of a grid that a tail may still make coarser before the visual stream sees it."""
    seen = grid.seen.positions
    return (shapes.positions or seen) * grid.positions // seen


def stage1_step(preset: str, device: torch.device, shapes: Shapes) -> SyntheticStep:
    config = preset_on(device.type, STAGE1_PRESETS, preset)
    photos = shapes.photos or config.batch_size
    grid = GRIDS[config.trunk]
    model = make_classifier(
        config.trunk,
        width=make_bert(preset).config.hidden_size,
        heads=config.heads,
        hidden=config.hidden,
        classes=CLASSES,
        dropout=config.dropout,
        position=config.position,
    ).to(device)
    labels = torch.randint(CLASSES, (photos,), device=device)
    image = torch.randn(photos, 3, 224, 224, device=device)
    trunk = load_trunk(config.trunk, None).eval().requires_grad_(False).to(device)
    cached = torch.randn(photos, grid.positions, grid.channels, device=device)

    def forward() -> Tensor:
        if config.feature_cache:
            return model(PhotoBatch(cached, labels))
        with torch.no_grad():
            grid_bpc = trunk(image)
        return model(PhotoBatch(grid_bpc, labels))

    return SyntheticStep(
        model=model,
        photos=photos,
        forward=forward,
        loss=lambda logits: nn.functional.cross_entropy(logits.float(), labels),
        scalar=lambda logits: logits.float().sum(),
        bf16=config.bf16,
    )


def stage2_step(preset: str, device: torch.device, shapes: Shapes) -> SyntheticStep:
    config = preset_on(device.type, STAGE2_PRESETS, preset)
    photos = shapes.photos or config.batch_size
    grid = GRIDS[config.trunk]
    model = TwoStream(make_bert(preset), config)
    model.visual = make_visual(
        config.trunk,
        positions=shapes.positions,
        width=model.language.config.hidden_size,
        heads=config.heads,
        dropout=config.dropout,
        position=config.position,
    )
    model = model.to(device).train()
    cached = torch.randn(photos, cached_positions(grid, shapes), grid.channels, device=device)
    captions = random_texts(photos, shapes.tokens or config.max_caption_tokens, device)

    def loss(outputs: tuple[Tensor, Tensor]) -> Tensor:
        scores = matchmap_similarity(*outputs, captions.mask)
        return symmetric_cross_entropy(scores * (model.heads.scale() / config.sigma))

    return SyntheticStep(
        model=model,
        photos=photos,
        forward=lambda: (model.embed_grid(cached), model.embed_tokens(captions)),
        loss=loss,
        scalar=lambda outputs: sum(output.float().sum() for output in outputs),
        bf16=config.bf16,
    )


def stage3_step(preset: str, device: torch.device, shapes: Shapes) -> SyntheticStep:
    config = preset_on(device.type, STAGE3_PRESETS, preset)
    stage2 = preset_on(device.type, STAGE2_PRESETS, preset)
    photos = shapes.photos or config.batch_size
    grid = GRIDS[stage2.trunk]
    language = make_bert(preset)
    width = language.config.hidden_size
    predicates = [Predicate(f"predicate {i}", (), None, 1) for i in range(PREDICATES)]
    model = Relational(
        language=language,
        visual=make_visual(
            stage2.trunk,
            width=width,
            heads=stage2.heads,
            dropout=config.dropout,
            position=stage2.position,
            positions=shapes.positions,
        ),
        head=RelationHead(width, predicates, hidden=config.imagined_hidden),
        classes=CLASSES,
        heads=config.heads,
        dropout=config.dropout,
        top_layers=config.top_layers,
        word_pooling=config.word_pooling,
    )
    model = model.to(device).train()
    batch = random_relations(photos, cached_positions(grid, shapes), grid.channels, device)
    return SyntheticStep(
        model=model,
        photos=photos,
        forward=lambda: model(batch),
        loss=lambda outputs: relational_loss(outputs, batch),
        scalar=lambda outputs: outputs.grounded_mp.float().sum() + outputs.class_scores_bnc.float().sum(),
        bf16=config.bf16,
        batch=batch,
    )


def random_relations(photos: int, positions: int, channels: int, device: torch.device) -> RelationalBatch:
    objects_bn = torch.arange(photos * OBJECTS).view(photos, OBJECTS)
    pairs = [(photo, k, OBJECTS - 1 - k) for photo in range(photos) for k in range(PAIRS)]
    batch = RelationalBatch(
        grid_bpc=torch.randn(photos, positions, channels),
        texts=random_texts(photos * OBJECTS, DESCRIPTION_TOKENS, device),
        objects_bn=objects_bn,
        mask_bn=torch.ones(photos, OBJECTS, dtype=torch.bool),
        classes_bn=torch.randint(CLASSES, (photos, OBJECTS)),
        pairs_m3=torch.tensor(pairs),
        labels_m=torch.randint(PREDICATES, (len(pairs),)),
        text_pairs={},
        plain_words=0,
        text_rows={},
        text_labels={},
        teacher_wd=torch.empty(0),
    )
    moved = ("grid_bpc", "objects_bn", "mask_bn", "classes_bn", "pairs_m3", "labels_m")
    return dataclasses.replace(batch, **{name: getattr(batch, name).to(device) for name in moved})


def relational_loss(outputs: RelationalOutput, batch: RelationalBatch) -> Tensor:
    """The paper's three objectives of stage 3."""
    given_pair, given_relation = relation_losses(outputs.grounded_mp.float(), batch.labels_m)
    return class_loss(outputs.class_scores_bnc, batch.classes_bn, IGNORED) + given_pair + given_relation


def stage4_step(preset: str, device: torch.device, shapes: Shapes) -> SyntheticStep:
    config = preset_on(device.type, STAGE4_PRESETS, preset)
    stage2 = preset_on(device.type, STAGE2_PRESETS, preset)
    photos = shapes.photos or config.batch_size
    grid = GRIDS[stage2.trunk]
    width = make_bert(preset).config.hidden_size
    attention = CrossAttention(width=width, heads=STAGE3_PRESETS[preset].heads, dropout=0.0)
    model = Retrieval(attention.query, attention.key, SharedHeads(width, stage2), config)
    model = model.to(device).train()
    tokens = shapes.tokens or config.max_caption_tokens
    batch = RetrievalBatch(
        torch.randn(photos, shapes.positions or grid.seen.positions, width, device=device),
        torch.randn(photos, width, device=device),
        torch.randn(photos, tokens, width, device=device),
        torch.ones(photos, tokens, dtype=torch.long, device=device),
    )
    return SyntheticStep(
        model=model,
        photos=photos,
        forward=lambda: model(batch),
        loss=lambda outputs: pooled_contrast(outputs.photo_bd, outputs.text_bd, sigma=config.sigma),
        scalar=lambda outputs: outputs.photo_bd.sum() + outputs.text_bd.sum(),
        bf16=config.bf16,
    )
