"""The warm-up of stage 2: BERT learns where words lie (`lexical_targets`), on text alone.

Batches hold words of one token count, so that nothing is padded. The token embeddings learn here: what is
alike is mostly a matter of single words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from .config import LEXICAL_PRESETS, LexicalConfig, Stage2Config
from .data import step_generator
from .distributed import gather_rows, rank_slice
from .language_stream import encode_texts, freeze_language, pool_words
from .losses import lexical_loss
from .train_loop import SELECTION
from .two_stream import Texts

NAME = "lexical"
LONGEST = 8  # tokens with [CLS] and [SEP]; longer texts are drawn together


@dataclass(frozen=True)
class LexicalBatch:
    words: Texts
    targets_wd: Tensor  # of all ranks' words


class WordModel(nn.Module):
    """BERT as a map from words to vectors."""

    def __init__(self, language: BertModel, pooling: str, top_layers: int) -> None:
        super().__init__()
        self.language, self.pooling = language, pooling
        freeze_language(language, top_layers=top_layers)
        language.embeddings.word_embeddings.weight.requires_grad = True

    def forward(self, batch: LexicalBatch) -> Tensor:
        hidden = self.language(input_ids=batch.words.ids, attention_mask=batch.words.mask).last_hidden_state
        return pool_words(hidden, batch.words.mask, self.pooling)


def check_warm_up(preset: str, begins: Stage2Config, ends: Stage2Config) -> None:
    """The warm-up goes after what the stage is made with. Raises `ValueError` before an hour's first pass where
    that would give the preset's warm-up no targets, or nothing to be measured by."""
    if preset not in LEXICAL_PRESETS:
        return
    needed = {
        "distill_weight": begins.distill_weight,
        "taxonomy_share": ends.taxonomy_share,
        "property_weight": ends.property_weight,
    }
    for name, value in needed.items():
        if not value:
            raise ValueError(f"{name}: must be above 0, the warm-up of {preset} needs it, got {value}")


class Lexical:
    """Batches, loss and validation for `train_loop.train`."""

    def __init__(
        self,
        config: LexicalConfig,
        language: BertModel,
        tokenizer: Tokenizer,
        words: Sequence[str],
        targets_vd: Tensor,
        figures: Callable[[Callable[[list[str]], Tensor]], dict[str, float]],
    ) -> None:
        self.config = config
        self.model = WordModel(language, config.word_pooling, config.top_layers)
        self.targets_vd, self.figures = targets_vd, figures
        self.ids, self.mask = encode_texts(tokenizer, words, config.max_tokens)
        self.tokenizer = tokenizer
        lengths = self.mask.sum(1).clamp(max=LONGEST).numpy()
        self.buckets = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
        self.steps_per_epoch = max(1, len(words) // config.batch_size)

    def saved_modules(self) -> Mapping[str, nn.Module]:
        return {"language": self.model.language}

    def parameter_groups(self) -> list[dict[str, Any]]:
        table = self.model.language.embeddings.word_embeddings.weight
        layers = [p for p in self.model.parameters() if p.requires_grad and p is not table]
        return [
            {"params": layers, "lr": self.config.learning_rate},
            {"params": [table], "lr": self.config.embedding_learning_rate},
        ]

    def set_training(self) -> None:
        # Without dropout: a target is met exactly or not at all, and every word is seen many times.
        self.model.eval()

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> LexicalBatch:
        draw = step_generator(self.config.seed, epoch, 2, step, part)
        sizes = np.array([len(bucket) for bucket in self.buckets])
        bucket = self.buckets[draw.choice(len(sizes), p=sizes / sizes.sum())]
        size = min(self.config.batch_size, len(bucket))
        chosen = draw.choice(bucket, size - size % world, replace=False)
        mine = chosen[rank_slice(len(chosen), rank, world)]
        width = int(self.mask[chosen].sum(1).max())
        device = self.model.language.device
        texts = Texts(self.ids[mine, :width].to(device), self.mask[mine, :width].to(device))
        return LexicalBatch(texts, self.targets_vd[chosen].to(device))

    def loss(self, outputs: Tensor, batch: LexicalBatch) -> tuple[Tensor, dict[str, Tensor]]:
        return lexical_loss(gather_rows(outputs), batch.targets_wd), {}

    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """The mean cosine to the targets, and what the words have learned."""
        with accelerator.autocast(), torch.no_grad():
            figures = self.figures(self.embed)
        return {SELECTION: figures["targetCosine"], **figures}

    def embed(self, texts: list[str]) -> Tensor:
        ids, mask = encode_texts(self.tokenizer, texts, self.config.max_tokens)
        device = self.model.language.device
        return self.model(LexicalBatch(Texts(ids.to(device), mask.to(device)), torch.empty(0)))
