"""The two-stream model of stage 2: visual stream and BERT, each with a linear head into one space.

Shapes: B photos, P positions, T captions, L tokens, W words, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import BertModel

from .config import Stage2Config
from .language_stream import freeze_language, pool_words
from .quick_dropout import quicken_dropout
from .visual_stream import make_visual

LENGTH_PARTS = 4  # of a batch of texts, by length


@dataclass(frozen=True)
class Texts:
    """Token ids and attention mask, int64 [N, L]."""

    ids: Tensor
    mask: Tensor


class TwoStreamOutput(NamedTuple):
    grid_bpd: Tensor  # photos in the shared space
    tokens_tld: Tensor  # captions in the shared space
    words_wd: Tensor  # pooled words, before the head: the product's word vectors
    shared_words_wd: Tensor  # pooled words in the shared space
    properties_rd: Tensor | None  # pooled objects, each followed by its versions


class TwoStream(nn.Module):
    """Photos and texts into one space; compared by unnormalised inner products."""

    def __init__(self, language: BertModel, config: Stage2Config) -> None:
        super().__init__()
        width = language.config.hidden_size
        self.word_pooling = config.word_pooling
        self.language = language
        self.visual = make_visual(
            config.trunk,
            width=width,
            heads=config.heads,
            dropout=config.dropout,
            position=config.position,
        )
        self.heads = SharedHeads(width, config)
        # Dropout belongs to the streams that learn from scratch; BERT's own rate comes from its config.
        self.learnable = freeze_language(language, top_layers=config.top_layers)
        for layer in language.encoder.layer:
            layer.attention.self.dropout.p = config.attention_dropout
        quicken_dropout(self)
        if config.gradient_checkpointing:
            language.gradient_checkpointing_enable()

    def forward(self, batch: TwoStreamBatch) -> TwoStreamOutput:
        words_wd = self.embed_words(batch.words)
        return TwoStreamOutput(
            grid_bpd=self.embed_grid(batch.grid_bpc),
            tokens_tld=self.embed_tokens(batch.captions),
            words_wd=words_wd,
            shared_words_wd=self.heads.language(words_wd),
            properties_rd=self.embed_words(batch.properties) if batch.properties else None,
        )

    def embed_grid(self, grid_bpc: Tensor) -> Tensor:
        return self.heads.visual(self.visual(grid_bpc))

    def embed_tokens(self, texts: Texts) -> Tensor:
        return self.heads.language(last_layer(self.language, texts))

    def embed_words(self, texts: Texts) -> Tensor:
        if len(texts.ids) == 0:
            return torch.zeros(0, self.language.config.hidden_size, device=texts.ids.device)
        return pool_words(last_layer(self.language, texts), texts.mask, self.word_pooling)


def last_layer(language: BertModel, texts: Texts) -> Tensor:
    """States [N, L, D], zero where padded. Shorter texts go through BERT apart: padding costs as much as what is
    said, and one long text would pad all."""
    lengths = texts.mask.sum(1)
    order = lengths.argsort(stable=True)
    parts = [encode_rows(language, texts, rows, int(lengths[rows[-1]])) for rows in order.chunk(LENGTH_PARTS)]
    return torch.cat(parts)[order.argsort()]


def encode_rows(language: BertModel, texts: Texts, rows: Tensor, longest: int) -> Tensor:
    ids, mask = texts.ids[rows, :longest], texts.mask[rows, :longest]
    hidden = language(input_ids=ids, attention_mask=mask).last_hidden_state
    return pad(hidden, (0, 0, 0, texts.ids.shape[1] - longest))


@dataclass(frozen=True)
class TwoStreamBatch:
    """One rank's share, and what all ranks must know to read the gathered rows."""

    grid_bpc: Tensor
    captions: Texts
    words: Texts
    positive_bw: Tensor  # bool, all ranks' photos x the words that may belong to a photo
    targets_wd: Tensor  # where all ranks' words should lie
    properties: Texts | None
    shares_ov: Tensor  # what was said of all ranks' objects


class SharedHeads(nn.Module):
    """Linear maps of both streams into the shared space, and the similarity's learned factor."""

    def __init__(self, width: int, config: Stage2Config) -> None:
        super().__init__()
        self.visual = nn.Linear(width, width)
        self.language = nn.Linear(width, width)
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=config.learn_scale)
        if config.head_gain is not None:
            start_near_identity(self.language, config.head_gain)
            nn.init.zeros_(self.visual.bias)
            with torch.no_grad():
                self.visual.weight.mul_(config.head_gain)

    def scale(self) -> Tensor:
        return self.log_scale.exp()


def start_near_identity(head: nn.Linear, gain: float) -> None:
    """The head passes the language model's geometry on: early gradients then move meanings, not axes."""
    nn.init.eye_(head.weight)
    nn.init.zeros_(head.bias)
    with torch.no_grad():
        head.weight.mul_(gain)
