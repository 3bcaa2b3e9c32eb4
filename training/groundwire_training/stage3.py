"""Stage 3: ground described objects in photos and relate them; BERT's top layers learn.

python -m groundwire_training stage3 --preset compact --data DATA --run runs/compact
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn

from .checkpoint import require_finished
from .config import STAGE2_PRESETS, add_overrides, begun_on, configure
from .data import epoch_order, step_generator
from .distributed import gather_ragged, gather_rows, join_processes, rank_slice
from .features import FeatureCache
from .graph_photos import load_graphs
from .grounded_objects import (
    IGNORED,
    PhotoObjects,
    collate,
    merge_photos,
    object_classes,
    without_relations,
)
from .language_stream import encode_texts, train_language
from .losses import cosine_matrix, relational_distillation
from .predicates import alias_index
from .prepare import NAME as PREPARE
from .relation_metrics import Scorer, rank
from .relation_refinement import finish
from .relation_training import text_only_tables
from .relational import (
    Relational,
    RelationalBatch,
    RelationalOutput,
    accuracy,
    class_loss,
    imagination_loss,
)
from .relations import RelationHead, read_predicates, relation_losses
from .stage2 import NAME as STAGE2
from .stage2 import load_language, save_language_files
from .stage3_config import RELATION_PRESETS, STAGE3_PRESETS, Stage3Config
from .train_loop import SELECTION, train
from .trained import load_visual, stage2_config
from .triples import TripleSplits, load_splits, unseen_triples
from .two_stream import Texts
from .words import draw_frequent, frequent_words

NAME = "stage3"
MAX_TEXT_TOKENS = 16
VALIDATION_BATCH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument(
        "--run", dest="run_dir", type=Path, required=True, help="run folder, after prepare and stage2"
    )
    parser.add_argument("--features", type=Path, help="feature cache (default: RUN/features)")
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument("--words", type=Path, help="plain words and phrases, one a line (default: wordfreq)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    require_finished(args.run_dir, STAGE2)
    config = configure_stage(args)
    torch.manual_seed(config.seed)
    prepared = args.run_dir / PREPARE
    graphs, caches = load_graphs(
        prepared,
        args.data,
        folder=args.features or args.run_dir / "features",
        trunk=stage2_config(args.run_dir).trunk,
        weights=args.trunk_weights,
        views=config.views,
        max_photos=config.max_photos,
    )
    predicates = read_predicates(prepared / "predicates.json")
    photos = {name: merge_photos(found, predicates, config.max_objects) for name, found in graphs.items()}
    language = load_language(args.run_dir, STAGE2)
    visual = load_visual(args.run_dir, STAGE2, dropout=config.dropout)
    head = RelationHead(
        language.config.hidden_size,
        predicates,
        hidden=config.imagined_hidden,
        dropout=config.imagined_dropout,
    )
    model = Relational(
        language=language,
        visual=visual,
        head=head,
        classes=len(object_classes(photos["train"], config.min_class_count)),
        heads=config.heads,
        dropout=config.dropout,
        top_layers=config.top_layers,
        word_pooling=config.word_pooling,
    )
    tokenizer = Tokenizer.from_file(str(args.run_dir / STAGE2 / "language" / "tokenizer.json"))
    words = frequent_words(args.words)[: config.plain_words]
    stage = Stage3(config, model, tokenizer, photos, caches, load_splits(args.data), words)
    state = train(stage, args.run_dir / NAME, description=NAME)
    if join_processes().is_main_process:
        save_language_files(args.run_dir / NAME, language, tokenizer)
    finish(stage, args.run_dir / NAME, RELATION_PRESETS[args.preset])
    print(f"{NAME}: best selection {state['best']:.4f} at step {state['bestStep']}")
    return 0


def configure_stage(args: argparse.Namespace) -> Stage3Config:
    """In the variant that the run was begun with: its views are of the photos as stage 2's trunk leaves them."""
    begun = begun_on(args.run_dir / NAME, STAGE3_PRESETS, args.preset, args.set) or begun_on(
        args.run_dir / STAGE2, STAGE2_PRESETS, args.preset
    )
    return configure(STAGE3_PRESETS, args.preset, args.set, begun)


class Stage3:
    """Batches, loss and validation of stage 3 for `train_loop.train`."""

    def __init__(
        self,
        config: Stage3Config,
        model: Relational,
        tokenizer: Tokenizer,
        photos: dict[str, dict[str, PhotoObjects]],
        caches: dict[str, FeatureCache],
        splits: TripleSplits,
        plain_words: list[str],
    ) -> None:
        self.config, self.tokenizer, self.caches = config, tokenizer, caches
        self.model = model.to(join_processes().device)
        self.files = {name: sorted(found) for name, found in photos.items()}
        self.photos = {name: [found[file] for file in self.files[name]] for name, found in photos.items()}
        predicates = [predicate.name for predicate in model.head.predicates]
        self.photos["train"] = without_relations(self.photos["train"], predicates, unseen_triples(splits))
        self.rows = {name: cache.rows(self.files[name]) for name, cache in caches.items()}
        self.steps_per_epoch = len(self.photos["train"]) // (config.batch_size * config.accumulation)
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"batch_size: must be at most {len(self.photos['train'])}, got {config.batch_size}"
            )
        classes = object_classes(photos["train"], config.min_class_count)
        self.classes = {name: i for i, name in enumerate(classes)}
        self.splits = splits
        self.tables, self.names = text_only_tables(splits, model.head)
        self.plain_words = plain_words
        self.teacher = self.embed_plain() if config.distill_words else torch.empty(0)

    max_text_tokens = MAX_TEXT_TOKENS

    def saved_modules(self) -> dict[str, nn.Module]:
        return {
            "language": self.model.language,
            "visual": self.model.visual,
            "cross_attention": self.model.cross_attention,
            "grounding": self.model.grounding,
            "relations": self.model.head,
            "source_bias": self.model.source_bias,
        }

    def parameter_groups(self) -> list[dict[str, Any]]:
        config = self.config

        def learnable(*modules: nn.Module) -> list[nn.Parameter]:
            return [p for module in modules for p in module.parameters() if p.requires_grad]

        return [
            {"params": learnable(self.model.language), "lr": config.learning_rate},
            {
                "params": learnable(self.model.visual, self.model.cross_attention),
                "lr": config.visual_learning_rate,
            },
            {
                "params": learnable(self.model.grounding, self.model.head, self.model.source_bias),
                "lr": config.head_learning_rate,
            },
        ]

    def set_training(self) -> None:
        self.model.train()
        train_language(self.model.language)

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> RelationalBatch:
        config = self.config
        draw = step_generator(config.seed, epoch, 1, step, part)
        order = epoch_order(config.seed, epoch, len(self.photos["train"]))
        first = (step * config.accumulation + part) * config.batch_size
        chosen = order[first : first + config.batch_size]
        views = draw.integers(config.views, size=len(chosen))
        mine = rank_slice(len(chosen), rank, world)
        text_rows = {
            source: torch.from_numpy(draw.integers(len(table), size=config.text_pairs))
            for source, table in self.tables.items()
            if config.text_pairs
        }
        plain = draw_frequent(len(self.plain_words), config.distill_words, draw)
        my_text_rows = {s: rows[rank_slice(len(rows), rank, world)] for s, rows in text_rows.items()}
        my_plain = plain[rank_slice(len(plain), rank, world)]
        batch = self.assemble("train", chosen[mine], views[mine], my_text_rows, my_plain)
        return dataclasses.replace(
            batch,
            text_rows=text_rows,
            text_labels={
                source: draw_labels(self.tables[source].targets_np[rows], draw).to(self.device)
                for source, rows in text_rows.items()
            },
            teacher_wd=self.teacher[plain].to(self.device) if len(plain) else self.teacher,
        )

    def assemble(
        self,
        split: str,
        chosen: np.ndarray,
        views: np.ndarray,
        text_rows: dict[str, Tensor],
        plain: np.ndarray,
    ) -> RelationalBatch:
        found = collate([self.photos[split][i] for i in chosen], self.classes)
        texts = list(found.texts)
        text_pairs = {}
        for source, rows in text_rows.items():
            table = self.tables[source]
            ends = torch.stack([table.subjects_n[rows], table.objects_n[rows]], 1)
            used, places = torch.unique(ends, return_inverse=True)
            text_pairs[source] = places + len(texts)
            texts += [self.names[i] for i in used.tolist()]
        texts += [self.plain_words[i] for i in plain]
        ids, mask = encode_texts(self.tokenizer, texts, MAX_TEXT_TOKENS)
        grid = self.caches[split].read(self.rows[split][chosen], views, self.device)
        batch = RelationalBatch(
            grid_bpc=grid,
            texts=Texts(ids.to(self.device), mask.to(self.device)),
            objects_bn=found.objects_bn,
            mask_bn=found.mask_bn,
            classes_bn=found.classes_bn,
            pairs_m3=found.pairs_m3,
            labels_m=found.labels_m,
            text_pairs={source: pairs.to(self.device) for source, pairs in text_pairs.items()},
            plain_words=len(plain),
            text_rows={},
            text_labels={},
            teacher_wd=self.teacher[:0],
        )
        moved = ("objects_bn", "mask_bn", "classes_bn", "pairs_m3", "labels_m")
        return dataclasses.replace(batch, **{name: getattr(batch, name).to(self.device) for name in moved})

    @property
    def device(self) -> torch.device:
        return self.model.head.relations.bias.device

    def loss(self, outputs: RelationalOutput, batch: RelationalBatch) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        figures = {"classes": self.class_loss(outputs, batch)}
        labels_m = gather_ragged(batch.labels_m)
        grounded_mp = gather_ragged(outputs.grounded_mp.float())
        if len(labels_m):
            given_pair, given_relation = relation_losses(grounded_mp, labels_m)
            figures |= {"relationGivenPair": given_pair, "pairGivenRelation": given_relation}
        loss = torch.stack(list(figures.values())).sum()
        if config.imagine_weight:
            figures["imagination"] = self.imagination(outputs, batch, labels_m)
            loss = loss + config.imagine_weight * figures["imagination"]
        for source, scores in outputs.text_scores.items():
            figures[source] = self.text_loss(source, gather_rows(scores.float()), batch)
            loss = loss + config.text_weight * figures[source]
        if config.distill_weight and config.distill_words:
            words_wd = gather_rows(outputs.texts_ud[-batch.plain_words :])
            figures["distillation"] = relational_distillation(words_wd, cosine_matrix(batch.teacher_wd))
            loss = loss + config.distill_weight * figures["distillation"]
        return loss, figures

    def class_loss(self, outputs: RelationalOutput, batch: RelationalBatch) -> Tensor:
        classed_bn = batch.classes_bn != IGNORED
        scores_kc = gather_ragged(outputs.class_scores_bnc[classed_bn])
        classes_k = gather_ragged(batch.classes_bn[classed_bn])
        return class_loss(scores_kc.unsqueeze(0), classes_k.unsqueeze(0), IGNORED)

    def imagination(self, outputs: RelationalOutput, batch: RelationalBatch, labels_m: Tensor) -> Tensor:
        imagined_kr = gather_ragged(outputs.imagined_bnr[batch.mask_bn])
        grounded_kr = gather_ragged(outputs.grounded_bnr[batch.mask_bn])
        everyone_k = torch.ones(len(imagined_kr), dtype=torch.bool, device=imagined_kr.device)
        loss = imagination_loss(imagined_kr, grounded_kr, everyone_k)
        imagined_mp = gather_ragged(outputs.imagined_mp.float())
        if len(labels_m):
            loss = loss + relation_losses(imagined_mp, labels_m)[0]
        return loss

    def text_loss(self, source: str, scores_kp: Tensor, batch: RelationalBatch) -> Tensor:
        """As in `relation_training`: the pair's distribution, and pair given one drawn relation."""
        table, rows = self.tables[source], batch.text_rows[source]
        targets_kp = table.targets_np[rows].to(scores_kp.device)
        weights_k = table.weights_n[rows].to(scores_kp.device)
        biased = scores_kp + self.model.source_bias[source]
        loss = (-(targets_kp * biased.log_softmax(1)).sum(1) * weights_k).mean()
        given_relation = relation_losses(scores_kp, batch.text_labels[source])[1]
        return loss + self.config.text_pair_weight * given_relation

    @torch.no_grad()
    def embed_plain(self) -> Tensor:
        """Vectors [W, D] of the plain words before this stage moves them."""
        self.model.eval()
        blocks = []
        for first in range(0, len(self.plain_words), 512):
            ids, mask = encode_texts(self.tokenizer, self.plain_words[first : first + 512], MAX_TEXT_TOKENS)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
                texts = Texts(ids.to(self.device), mask.to(self.device))
                blocks.append(self.model.embed(texts).cpu())
        return torch.cat(blocks)

    @torch.inference_mode()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Share of the validation photos' relations found among the best 5, grounded and imagined.

        Only what learns here counts: where the imagination is random, so are its figures.
        """
        self.model.eval()
        grounded, imagined, labels = [], [], []
        with accelerator.autocast():
            for first in range(0, len(self.photos["val"]), VALIDATION_BATCH):
                chosen = np.arange(first, min(first + VALIDATION_BATCH, len(self.photos["val"])))
                batch = self.assemble("val", chosen, np.zeros_like(chosen), {}, chosen[:0])
                outputs = self.model(batch)
                grounded.append(outputs.grounded_mp.float())
                imagined.append(outputs.imagined_mp.float())
                labels.append(batch.labels_m)
            factual = self.rank_factual() if self.config.imagines else {}
        figures = relation_figures(torch.cat(grounded), torch.cat(imagined), torch.cat(labels))
        if not self.config.imagines:
            found = {name: value for name, value in figures.items() if name.startswith("grounded")}
            return {SELECTION: found["groundedTop5"], **found}
        return {SELECTION: (figures["groundedTop5"] + factual["factualTop5"]) / 2, **figures, **factual}

    def rank_factual(self) -> dict[str, float]:
        """FACTUAL's development split, ranked as `relation_metrics` ranks its test split."""
        counts = self.splits.factual_dev
        names = sorted({name for triple in counts for name in (triple[0], triple[2])})
        ids, mask = encode_texts(self.tokenizer, names, MAX_TEXT_TOKENS)
        imagined_nr = self.model.head.imagined(
            self.model.embed(Texts(ids.to(self.device), mask.to(self.device)))
        )
        relations = self.model.head.relations
        scorer = Scorer(
            {name: i for i, name in enumerate(names)},
            imagined_nr.float().cpu().numpy(),
            relations.unit_operators().float().cpu().numpy(),
            relations.bias.float().cpu().numpy(),
        )
        index = alias_index(self.model.head.predicates)
        labels = {name: index[name] for name in sorted(self.splits.factual_predicates()) if name in index}
        unseen = Counter({t: n for t, n in counts.items() if t not in self.splits.factual_train})
        seen, new = rank(scorer, counts, labels), rank(scorer, unseen, labels)
        return {"factualTop1": seen.top1, "factualTop5": seen.top5, "factualUnseenTop5": new.top5}


def relation_figures(grounded_mp: Tensor, imagined_mp: Tensor, labels_m: Tensor) -> dict[str, float]:
    """Zero throughout where the validation photos have no relation."""
    if len(labels_m) == 0:
        return dict.fromkeys(("groundedTop1", "groundedTop5", "imaginedTop1", "imaginedTop5"), 0.0)
    return {
        "groundedTop1": accuracy(grounded_mp, labels_m),
        "groundedTop5": accuracy(grounded_mp, labels_m, top=5),
        "imaginedTop1": accuracy(imagined_mp, labels_m),
        "imaginedTop5": accuracy(imagined_mp, labels_m, top=5),
    }


def draw_labels(targets_kp: Tensor, draw: np.random.Generator) -> Tensor:
    """One relation a row, by the row's shares; drawn before the step, so that all ranks see the same."""
    upto_kp = targets_kp.cumsum(1)
    # A little below 1: rounding must not draw a relation after the last that has a share.
    drawn_k = torch.from_numpy(draw.random(len(targets_kp))).float() * upto_kp[:, -1] * (1 - 1e-6)
    return (upto_kp <= drawn_k.unsqueeze(1)).sum(1)
