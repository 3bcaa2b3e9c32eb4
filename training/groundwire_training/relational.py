"""The model of stage 3: described objects grounded in photos, imagined from words, and related.

Shapes: B photos, N objects a photo, U descriptions of the batch, M pairs, D width, R subspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertModel

from .cross_attention import CrossAttention
from .language_stream import freeze_language, pool_words
from .quick_dropout import quicken_dropout
from .relations import RelationHead
from .two_stream import Texts, last_layer
from .visual_stream import VisualStream


@dataclass(frozen=True)
class RelationalBatch:
    """`texts` holds the photos' descriptions, then the names of text-only pairs, then plain words."""

    grid_bpc: Tensor
    texts: Texts
    objects_bn: Tensor  # index into the descriptions, 0 where there is no object
    mask_bn: Tensor  # bool
    classes_bn: Tensor  # object class, IGNORED where rare or absent
    pairs_m3: Tensor  # photo, subject and object position of every related pair
    labels_m: Tensor  # its predicate
    text_pairs: dict[str, Tensor]  # source -> [K, 2] index into the texts
    plain_words: int  # the last texts
    # Of all ranks: source -> rows of its pair table, and the one relation drawn for each.
    text_rows: dict[str, Tensor]
    text_labels: dict[str, Tensor]
    teacher_wd: Tensor  # ungrounded vectors of all ranks' plain words


class RelationalOutput(NamedTuple):
    texts_ud: Tensor
    class_scores_bnc: Tensor
    grounded_mp: Tensor  # relation scores of the photos' pairs, from grounded objects
    imagined_mp: Tensor  # the same from imagined ones
    grounded_bnr: Tensor
    imagined_bnr: Tensor
    text_scores: dict[str, Tensor]


class Relational(nn.Module):
    """Grounded and imagined objects share the operators; `subspace` is the paper's W."""

    def __init__(
        self,
        *,
        language: BertModel,
        visual: VisualStream,
        head: RelationHead,
        classes: int,
        heads: int,
        dropout: float,
        top_layers: int,
        word_pooling: str,
    ) -> None:
        super().__init__()
        width = language.config.hidden_size
        self.word_pooling = word_pooling
        self.language = language
        self.visual = visual
        self.head = head
        self.cross_attention = CrossAttention(width=width, heads=heads, dropout=dropout)
        self.grounding = nn.ModuleDict(
            {
                "norm": nn.LayerNorm(width),
                "subspace": nn.Linear(width, head.relations.operators.shape[-1]),
                "classes": nn.Linear(width, classes),
            }
        )
        # Annotators of the sources name relations at different rates; FACTUAL's rates are the head's own.
        self.source_bias = nn.ParameterDict(
            {
                "factual": nn.Parameter(torch.zeros(()), requires_grad=False),
                "vg150": nn.Parameter(torch.zeros(len(head.predicates))),
            }
        )
        quicken_dropout(self)
        freeze_language(language, top_layers=top_layers)
        if visual.tail is not None:
            visual.tail.requires_grad_(False)

    def forward(self, batch: RelationalBatch) -> RelationalOutput:
        texts_ud = self.embed(batch.texts)
        descriptions_bnd = texts_ud[batch.objects_bn]
        grounded_bnd = self.ground(descriptions_bnd, batch.grid_bpc, batch.mask_bn)
        grounded_bnr = self.grounding["subspace"](grounded_bnd) * self.head.imagined.log_scale.exp()
        imagined_ur = self.head.imagined(texts_ud)
        imagined_bnr = imagined_ur[batch.objects_bn]
        return RelationalOutput(
            texts_ud=texts_ud,
            class_scores_bnc=self.grounding["classes"](grounded_bnd),
            grounded_mp=self.score(grounded_bnr, batch.pairs_m3),
            imagined_mp=self.score(imagined_bnr, batch.pairs_m3),
            grounded_bnr=grounded_bnr,
            imagined_bnr=imagined_bnr,
            text_scores={
                source: self.head.relations(imagined_ur[pairs[:, 0]], imagined_ur[pairs[:, 1]])
                for source, pairs in batch.text_pairs.items()
            },
        )

    def embed(self, texts: Texts) -> Tensor:
        return pool_words(last_layer(self.language, texts), texts.mask, self.word_pooling)

    def ground(self, descriptions_bnd: Tensor, grid_bpc: Tensor, mask_bn: Tensor) -> Tensor:
        """Grounded objects [B, N, D], normalised: their norm must not decide how strong a relation is."""
        return self.grounding["norm"](self.cross_attention(descriptions_bnd, self.visual(grid_bpc), mask_bn))

    def score(self, objects_bnr: Tensor, pairs_m3: Tensor) -> Tensor:
        photo, subject, object_ = pairs_m3.unbind(1)
        return self.head.relations(objects_bnr[photo, subject], objects_bnr[photo, object_])


def imagination_loss(imagined_bnr: Tensor, grounded_bnr: Tensor, mask_bn: Tensor) -> Tensor:
    """Mean squared distance of imagined objects to the grounded ones, in units of the grounded norm.

    Only the imagination learns from it: words follow photos here, not the other way round.
    """
    target = grounded_bnr.detach()[mask_bn].float()
    distance = (imagined_bnr[mask_bn].float() - target).square().sum(1)
    return (distance / target.square().sum(1).mean().clamp(min=1e-6)).mean()


def class_loss(scores_bnc: Tensor, classes_bn: Tensor, ignored: int) -> Tensor:
    """Cross-entropy over the objects that have a class; zero when none has."""
    if not (classes_bn != ignored).any():
        return scores_bnc.sum() * 0.0
    return nn.functional.cross_entropy(
        scores_bnc.flatten(0, 1).float(), classes_bn.flatten(), ignore_index=ignored
    )


def accuracy(scores: Tensor, labels: Tensor, *, top: int = 1) -> float:
    """Share of rows whose label is among the `top` best; not a number without rows."""
    if len(labels) == 0:
        return float("nan")
    found = scores.topk(min(top, scores.shape[1]), dim=1).indices == labels.unsqueeze(1)
    return float(torch.any(found, dim=1).float().mean())
