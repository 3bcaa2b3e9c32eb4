"""How a bundle learns properties: what a step reads, what it minimizes, what its validation says.

Shapes: N short texts, of them O objects with V versions each; C captions of L tokens; D width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import BertModel

from .data import load_split, step_generator
from .distributed import gather_ragged, gather_rows, join_processes, rank_slice
from .language_stream import encode_texts, freeze_language, pool_words
from .lexicon import VISUAL_GENOME_COUNTS
from .losses import held_loss, property_contrast
from .property_config import PropertyConfig
from .property_tables import PropertyTable, split_table
from .teacher import embed_all
from .train_loop import SELECTION
from .two_stream import Texts, last_layer
from .words import content_phrases, counted_names, draw_frequent

VALIDATION_PHRASES = 400
NEAREST = 10


@dataclass(frozen=True)
class Held:
    """Texts whose vectors stay."""

    words: list[str]  # the bundle's lexicon, by frequency
    phrases: list[str]  # neighboring words of training captions
    attributes: list[str]  # put in front of the next ones; both are empty where there are no counts
    names: list[str]
    captions: list[str]
    validation: list[str]  # phrases of validation captions alone

    def made_up(self, size: int, draw: np.random.Generator) -> list[str]:
        """Phrases such as "striped horse": most that a caller will compose stand in no caption."""
        places = draw_frequent(len(self.attributes), size, draw), draw_frequent(len(self.names), size, draw)
        return [f"{self.attributes[i]} {self.names[j]}" for i, j in zip(*places, strict=True)]


def load_held(data: Path, lexicon: Sequence[str], tables: Mapping[str, PropertyTable]) -> Held:
    values = {value for table in tables.values() for value in table.values}
    captions = [caption for several in load_split(data, "train").captions for caption in several]
    unseen = [caption for several in load_split(data, "val").captions for caption in several]

    def phrases(texts: Sequence[str]) -> set[str]:
        """Without those that are some object's versions."""
        return {
            phrase for text in texts for phrase in content_phrases(text) if phrase.split()[0] not in values
        }

    known = phrases(captions)
    names, attributes = (counted_names(data, file) for file in VISUAL_GENOME_COUNTS)
    return Held(
        words=list(lexicon),
        phrases=sorted(known),
        attributes=[name for name in attributes if name not in values],
        names=names,
        captions=captions,
        validation=sorted(phrases(unseen) - known)[:VALIDATION_PHRASES],
    )


@dataclass(frozen=True)
class TuningBatch:
    texts: Texts  # objects, each followed by its versions; then held words and phrases
    captions: Texts
    shares_ov: Tensor  # of all ranks' objects
    log_prior_v: Tensor


class TuningOutput(NamedTuple):
    vectors_nd: Tensor
    tokens_cld: Tensor


class WordsAndTokens(nn.Module):
    """BERT as a map from short texts to vectors, and from captions to tokens."""

    def __init__(self, language: BertModel) -> None:
        super().__init__()
        self.language = language

    def forward(self, batch: TuningBatch) -> TuningOutput:
        return TuningOutput(self.embed(batch.texts), self.read(batch.captions))

    def embed(self, texts: Texts) -> Tensor:
        return pool_words(self.read(texts), texts.mask, "content")

    def read(self, texts: Texts) -> Tensor:
        return last_layer(self.language, texts).float()


class PropertyTuning:
    """Batches, loss and validation for `train_loop.train`."""

    def __init__(
        self,
        config: PropertyConfig,
        language: BertModel,
        tokenizer: Tokenizer,
        tables: Mapping[str, PropertyTable],
        held: Held,
    ) -> None:
        self.config, self.tokenizer, self.held = config, tokenizer, held
        self.device = join_processes().device
        freeze_language(language, top_layers=config.top_layers)
        self.model = WordsAndTokens(language).to(self.device)
        self.before = WordsAndTokens(copy.deepcopy(language)).to(self.device).requires_grad_(False).eval()
        split = {name: split_table(table) for name, table in tables.items()}
        self.tables = {name: training for name, (training, _) in split.items()}
        self.held_out = {name: validation for name, (_, validation) in split.items()}
        self.steps_per_epoch = config.steps_per_epoch
        self.nearest_before = self.nearest(self.before)

    def saved_modules(self) -> dict[str, nn.Module]:
        return {"language": self.model.language}

    def parameter_groups(self) -> list[dict[str, Any]]:
        learnable = [p for p in self.model.parameters() if p.requires_grad]
        return [{"params": learnable, "lr": self.config.learning_rate}]

    def set_training(self) -> None:
        # Without dropout: what is held would move with it.
        self.model.eval()

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> TuningBatch:
        config, held = self.config, self.held
        draw = step_generator(config.seed, epoch, 1, step, part)
        table = self.draw_table(draw)
        rows = table.draw(config.batch_size, draw)
        made_up = config.held_phrases // 2 if held.attributes and held.names else 0
        texts = [held.words[i] for i in draw_frequent(len(held.words), config.held_words, draw)]
        texts += [
            held.phrases[i] for i in draw.integers(len(held.phrases), size=config.held_phrases - made_up)
        ]
        texts += held.made_up(made_up, draw)
        captions = [held.captions[i] for i in draw.integers(len(held.captions), size=config.held_captions)]
        mine = rank_slice(len(rows), rank, world)
        versions = table.versions(rows[mine])
        return TuningBatch(
            texts=self.encode([*versions, *texts[rank_slice(len(texts), rank, world)]], config.max_tokens),
            captions=self.encode(captions[rank_slice(len(captions), rank, world)], config.max_caption_tokens),
            shares_ov=torch.from_numpy(table.shares[rows]).float().to(self.device),
            log_prior_v=torch.from_numpy(table.log_prior).float().to(self.device),
        )

    def draw_table(self, draw: np.random.Generator) -> PropertyTable:
        """By the square root of its objects: there are nine times as many colors as shapes."""
        tables = list(self.tables.values())
        weights = np.sqrt([len(table.objects) for table in tables])
        return tables[draw.choice(len(tables), p=weights / weights.sum())]

    def encode(self, texts: Sequence[str], max_tokens: int) -> Texts:
        ids, mask = encode_texts(self.tokenizer, texts, max_tokens)
        return Texts(ids.to(self.device), mask.to(self.device))

    def loss(self, outputs: TuningOutput, batch: TuningBatch) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        with torch.no_grad():
            before = self.before(batch)
        objects, versions = batch.shares_ov.shape
        here = (objects // join_processes().num_processes) * (1 + versions)

        def parts(vectors_nd: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """All ranks' objects [O, D], their versions [O, V, D], and what is held [H, D]."""
            described = gather_rows(vectors_nd[:here]).unflatten(0, (objects, 1 + versions))
            return described[:, 0], described[:, 1:], gather_rows(vectors_nd[here:])

        objects_od, phrases_ovd, held_hd = parts(outputs.vectors_nd)
        objects_before, phrases_before, held_before = parts(before.vectors_nd)
        real = batch.captions.mask.bool()
        figures = {
            "properties": property_contrast(
                objects_od,
                phrases_ovd,
                batch.shares_ov,
                sigma=config.property_sigma,
                log_prior_v=batch.log_prior_v,
            ),
            "objects": held_loss(objects_od, objects_before),
            "versions": held_loss(phrases_ovd, phrases_before),
            "texts": held_loss(held_hd, held_before),
            "tokens": held_loss(
                gather_ragged(outputs.tokens_cld[real]), gather_ragged(before.tokens_cld[real])
            ),
        }
        held = figures["objects"] + figures["texts"]
        held = held + config.versions_share * figures["versions"] + config.tokens_share * figures["tokens"]
        return config.property_weight * figures["properties"] + config.hold_weight * held, figures

    @torch.no_grad()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """How much of held-out objects is known beyond the prior, and how much else has stayed. Selection is their
        sum: a tenth of a nat is worth a tenth of the nearest words."""
        with accelerator.autocast():
            nats = {f"{name}Nats": self.nats(table) for name, table in self.held_out.items()}
            same = self.same_nearest()
        return {SELECTION: float(np.mean(list(nats.values()))) + same, **nats, "sameNearest": same}

    def embed(self, model: WordsAndTokens) -> Callable[[list[str]], Tensor]:
        return lambda texts: model.embed(self.encode(texts, self.config.max_tokens))

    def nats(self, table: PropertyTable) -> float:
        """By how many nats the cosines foretell what is said of an object better than what is said of all does."""
        embed = self.embed(self.model)
        objects_od = embed_all(table.objects, embed)
        versions = embed_all(
            [phrase for row in range(len(objects_od)) for phrase in table.phrases(row)], embed
        )
        shares, prior = (torch.from_numpy(values).float() for values in (table.shares, table.log_prior))
        sigma = self.config.property_sigma
        phrases_ovd = versions.unflatten(0, (len(objects_od), -1))
        loss = property_contrast(objects_od, phrases_ovd, shares, sigma=sigma, log_prior_v=prior)
        return float(-(shares * prior).sum(1).mean() - loss)

    def same_nearest(self) -> float:
        """Share of unseen phrases' ten nearest words that were among their ten nearest before."""
        pairs = zip(self.nearest(self.model).tolist(), self.nearest_before.tolist(), strict=True)
        return float(np.mean([len(set(after) & set(before)) / len(before) for after, before in pairs]))

    @torch.no_grad()
    def nearest(self, model: WordsAndTokens) -> Tensor:
        """Indices [N, 10] of the single words that are nearest to the validation's phrases."""
        words = [word for word in self.held.words if " " not in word][: self.config.validation_words]
        vectors_wd, phrases_nd = (
            embed_all(texts, self.embed(model)) for texts in (words, self.held.validation)
        )
        cosines = normalize(phrases_nd, dim=1) @ normalize(vectors_wd, dim=1).T
        return cosines.topk(min(NEAREST, len(words))).indices
