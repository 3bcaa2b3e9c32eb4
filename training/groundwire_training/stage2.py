"""Stage 2: contrast photos and captions (and their single words); BERT's upper layers learn.

python -m groundwire_training stage2 --preset compact --data DATA --run runs/compact
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from .checkpoint import checkpoint_folder, load_module
from .config import STAGE2_PRESETS, Stage2Config, add_overrides, configure
from .data import CaptionedSplit, epoch_order, load_split, step_generator
from .distributed import gather_rows, rank_slice
from .embedder import hash_weights
from .features import FeatureCache, cache_split
from .language_stream import default_bert_folder, encode_texts, load_bert
from .losses import matchmap_similarity, relational_distillation, symmetric_cross_entropy, word_contrast
from .metrics_retrieval import recalls, retrieval_ranks
from .teacher import teacher_vectors
from .train_loop import SELECTION, train
from .two_stream import Texts, TwoStream, TwoStreamBatch, TwoStreamOutput
from .words import described, draw_frequent, frequent_words

log = logging.getLogger(__name__)
NAME = "stage2"
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
    parser.add_argument("--trunk-weights", type=Path, help="default: DATA/mobilenet-v2-imagenet")
    parser.add_argument("--words", type=Path, help="plain words and phrases, one a line (default: wordfreq)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    config = configure(STAGE2_PRESETS, args.preset, args.set)
    torch.manual_seed(config.seed)
    language, tokenizer = load_bert(args.bert or default_bert_folder())
    splits = {name: load_split(args.data, name) for name in ("train", "val")}
    cache_folder = args.features or args.run_dir / "features"
    caches = {
        name: cache_split(
            split,
            name=name,
            folder=cache_folder,
            trunk=config.trunk,
            weights=args.trunk_weights or args.data / "mobilenet-v2-imagenet",
        )
        for name, split in splits.items()
    }
    words = frequent_words(args.words)
    stage = Stage2(config, language, tokenizer, splits, caches, words, cache_folder)
    save_language_files(args.run_dir / NAME, language, tokenizer)
    state = train(stage, args.run_dir / NAME, description=NAME)
    print(f"{NAME}: best selection {state['best']:.4f} at step {state['bestStep']}")
    return 0


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


class Stage2:
    """Batches, loss and validation of stage 2 for `train_loop.train`."""

    def __init__(
        self,
        config: Stage2Config,
        language: BertModel,
        tokenizer: Tokenizer,
        splits: dict[str, CaptionedSplit],
        caches: dict[str, FeatureCache],
        plain_words: list[str],
        cache_folder: Path,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.splits, self.caches = splits, caches
        self.rows = {name: cache.rows(splits[name].files) for name, cache in caches.items()}
        self.model = TwoStream(language, config)
        self.steps_per_epoch = len(splits["train"]) // (config.batch_size * config.accumulation)
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"batch_size: must be at most {len(splits['train'])} photos, got {config.batch_size}"
            )
        self.vocabulary = Vocabulary(splits["train"], plain_words)
        self.teacher = self.embed_teacher(cache_folder) if config.distill_weight else None

    def saved_modules(self) -> dict[str, nn.Module]:
        return {"language": self.model.language, "visual": self.model.visual, "heads": self.model.heads}

    def parameter_groups(self) -> list[dict[str, Any]]:
        learnable = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        language = [p for name, p in learnable.items() if name.startswith("language.")]
        other = [p for name, p in learnable.items() if not name.startswith("language.")]
        return [
            {"params": language, "lr": self.config.learning_rate},
            {"params": other, "lr": self.config.visual_learning_rate},
        ]

    def set_training(self) -> None:
        self.model.train()

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> TwoStreamBatch:
        config = self.config
        draw = step_generator(config.seed, epoch, 1, step, part)
        order = epoch_order(config.seed, epoch, len(self.splits["train"]))
        first = (step * config.accumulation + part) * config.batch_size
        photos = order[first : first + config.batch_size]
        captions = [self.draw_caption(photo, draw) for photo in photos]
        mirrored = (
            draw.integers(2, size=len(photos)) if config.mirror else np.zeros(len(photos), dtype=np.int64)
        )
        words = self.vocabulary.draw(photos, draw, config)
        mine = rank_slice(len(photos), rank, world)
        my_words = rank_slice(len(words), rank, world)
        positive = torch.from_numpy(
            self.vocabulary.said_of(photos, words[: len(words) - config.distill_words])
        )
        device = self.device
        return TwoStreamBatch(
            grid_bpc=self.caches["train"].read(self.rows["train"][photos[mine]], mirrored[mine]).to(device),
            captions=self.encode(captions, config.max_caption_tokens, mine),
            words=self.encode([self.vocabulary.texts[w] for w in words], MAX_WORD_TOKENS, my_words),
            positive_bw=positive.to(device),
            teacher_wd=(self.teacher[words] if self.teacher is not None else torch.empty(0)).to(device),
        )

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
            figures["distillation"] = relational_distillation(gather_rows(outputs.words_wd), batch.teacher_wd)
            loss = loss + config.distill_weight * figures["distillation"]
        return loss, {**figures, "scale": self.model.heads.scale()}

    def embed_teacher(self, folder: Path) -> Tensor:
        """Ungrounded vectors [V, D] of every word that a step may draw, taken before anything learns."""
        config = self.config
        weights = hash_weights(self.model.language, self.tokenizer)

        def embed(texts: list[str]) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
                return self.model.embed_words(self.encode(texts, MAX_WORD_TOKENS))

        self.model.eval()
        fingerprint = f"{weights} {config.word_pooling} {config.bf16}"
        return teacher_vectors(self.vocabulary.texts, embed, folder=folder, fingerprint=fingerprint)

    @torch.inference_mode()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Recall between the validation photos and each one's first caption, by the matchmap."""
        self.model.eval()
        split, cache, rows = self.splits["val"], self.caches["val"], self.rows["val"]
        texts = [captions[0] for captions in split.captions]
        with accelerator.autocast():
            blocks = [slice(i, i + VALIDATION_BATCH) for i in range(0, len(split), VALIDATION_BATCH)]
            photo = np.zeros(len(split), dtype=np.int64)
            grids = [self.model.embed_grid(cache.read(rows[b], photo[b]).to(self.device)) for b in blocks]
            columns = []
            for block in blocks:
                encoded = self.encode(texts[block], self.config.max_caption_tokens)
                tokens = self.model.embed_tokens(encoded)
                columns.append(torch.cat([matchmap_similarity(grid, tokens, encoded.mask) for grid in grids]))
        scores = torch.cat(columns, dim=1).float().cpu().numpy()
        i2t, t2i = (recalls(ranks) for ranks in retrieval_ranks(scores))
        selection = (i2t["r10"] + t2i["r10"]) / 2
        return {
            SELECTION: selection,
            "i2tR1": i2t["r1"],
            "i2tR10": i2t["r10"],
            "t2iR1": t2i["r1"],
            "t2iR10": t2i["r10"],
        }


class Vocabulary:
    """Words and phrases said of the training photos, and plain words said of none."""

    def __init__(self, split: CaptionedSplit, plain: list[str]) -> None:
        said = [described(captions) for captions in split.captions]
        self.texts = sorted({text for words, phrases in said for text in (*words, *phrases)})
        index = {text: i for i, text in enumerate(self.texts)}
        self.words = [np.array([index[w] for w in words], dtype=np.int64) for words, _ in said]
        self.phrases = [np.array([index[p] for p in phrases], dtype=np.int64) for _, phrases in said]
        self.all_of = [
            frozenset(np.concatenate(pair).tolist()) for pair in zip(self.words, self.phrases, strict=True)
        ]
        unsaid = [word for word in plain if word not in index]
        self.unsaid = np.arange(len(self.texts), len(self.texts) + len(unsaid))
        self.plain = np.array([index.get(word, -1) for word in plain])
        self.plain[self.plain < 0] = self.unsaid
        self.texts = self.texts + unsaid

    def draw(self, photos: np.ndarray, draw: np.random.Generator, config: Stage2Config) -> np.ndarray:
        """Indices: one word or phrase a photo, then the text-only negatives, then plain words."""
        said = (
            [self.draw_said(photo, draw, config.phrase_share) for photo in photos]
            if config.word_weight
            else []
        )
        negatives = self.unsaid[draw_frequent(len(self.unsaid), config.text_negatives, draw)]
        plain = self.plain[draw_frequent(len(self.plain), config.distill_words, draw)]
        return np.concatenate([np.array(said, dtype=np.int64), negatives, plain])

    def draw_said(self, photo: int, draw: np.random.Generator, phrase_share: float) -> int:
        from_phrases = draw.random() < phrase_share and len(self.phrases[photo]) > 0
        options = self.phrases[photo] if from_phrases or len(self.words[photo]) == 0 else self.words[photo]
        return int(options[draw.integers(len(options))])

    def said_of(self, photos: np.ndarray, words: np.ndarray) -> np.ndarray:
        """bool [B, W]: whether word w is in a caption of photo b."""
        return np.array([[int(word) in self.all_of[photo] for word in words] for photo in photos])
