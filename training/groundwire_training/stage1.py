"""Stage 1: the visual stream learns to classify ImageNet-style photos; the trunk stays frozen.

python -m groundwire_training stage1 --preset paper --images IMAGENET --run runs/paper
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from .checkpoint import write_json
from .classifier import PhotoBatch, make_classifier
from .config import add_overrides, begun_on, configure
from .data import epoch_order, step_generator
from .distributed import gather_ragged, join_processes, rank_slice
from .image_folder import LabeledPhoto, load_image_folder
from .language_stream import default_bert_folder
from .photo_decoder import Drawn, Key
from .photo_grids import CachedGrids, ComputedGrids, Grids, open_cached, readable
from .stage1_config import STAGE1_PRESETS, Stage1Config
from .train_loop import SELECTION, train
from .trunk import default_weights, load_tail, load_trunk

NAME = "stage1"
VALIDATION_BATCH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument(
        "--run", dest="run_dir", type=Path, required=True, help="run folder: checkpoints, logs"
    )
    parser.add_argument(
        "--images", type=Path, help="ImageNet-style folder (default: DATA/imagenet or DATA/imagenet-tiny)"
    )
    parser.add_argument("--features", type=Path, help="feature cache (default: RUN/features)")
    parser.add_argument("--bert", type=Path, help="BERT directory that sets the width (default: MiniLM)")
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    begun = begun_on(args.run_dir / NAME, STAGE1_PRESETS, args.preset, args.set)
    config = configure(STAGE1_PRESETS, args.preset, args.set, begun)
    torch.manual_seed(config.seed)
    root = args.images or default_images(args.data)
    photos = {
        name: load_image_folder(root, name, config.photos_per_class)[: config.max_photos]
        for name in ("train", "val")
    }
    weights = args.trunk_weights or default_weights(args.data, config.trunk)
    grids: dict[str, Grids]
    if config.feature_cache:
        folder = args.features or args.run_dir / "features"
        caches = {name: open_cached(found, name, config, folder, weights) for name, found in photos.items()}
        photos = {name: readable(photos[name], cache) for name, cache in caches.items()}
        grids = {name: CachedGrids(cache, photos[name]) for name, cache in caches.items()}
    else:
        trunk = load_trunk(config.trunk, weights).eval().requires_grad_(False)
        grids = {
            "train": ComputedGrids(photos["train"], trunk, config, config.crop_scale),
            "val": ComputedGrids(photos["val"], trunk, config, None),
        }
    stage = Stage1(config, photos, grids, width=read_width(args.bert or default_bert_folder()))
    if stage.model.visual.tail is not None:
        load_tail(stage.model.visual.tail, config.trunk, weights)
        stage.model.visual.tail.requires_grad_(False)
    state = train(stage, args.run_dir / NAME, description=NAME)
    if join_processes().is_main_process:
        write_json(args.run_dir / NAME / "classes.json", stage.classes)
    print(f"{NAME}: best top-1 {state['best']:.4f} at step {state['bestStep']}")
    return 0


def default_images(data: Path) -> Path:
    full = data / "imagenet"
    return full if full.is_dir() else data / "imagenet-tiny"


def read_width(bert: Path) -> int:
    """D follows the language model."""
    path = bert / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"language model: {path} is missing")
    return json.loads(path.read_text(encoding="utf-8"))["hidden_size"]


class Stage1:
    """Batches, loss and validation of stage 1 for `train_loop.train`."""

    def __init__(
        self,
        config: Stage1Config,
        photos: dict[str, list[LabeledPhoto]],
        grids: dict[str, Grids],
        *,
        width: int,
    ) -> None:
        self.config, self.grids = config, grids
        self.classes = sorted({photo.label for photo in photos["train"]})
        self.labels = {name: label_rows(found, self.classes) for name, found in photos.items()}
        self.steps_per_epoch = len(photos["train"]) // (config.batch_size * config.accumulation)
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"batch_size: must be at most {len(photos['train'])} photos, got {config.batch_size}"
            )
        self.model = make_classifier(
            config.trunk,
            width=width,
            heads=config.heads,
            hidden=config.hidden,
            classes=len(self.classes),
            dropout=config.dropout,
            position=config.position,
        )

    def saved_modules(self) -> dict[str, nn.Module]:
        return {"visual": self.model.visual, "head": self.model.head}

    def parameter_groups(self) -> list[dict[str, Any]]:
        learnable = [p for p in self.model.parameters() if p.requires_grad]
        return [{"params": learnable, "lr": self.config.learning_rate}]

    def set_training(self) -> None:
        self.model.train()

    @property
    def device(self) -> torch.device:
        return self.model.visual.embedder.weight.device

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> PhotoBatch:
        number = (epoch * self.steps_per_epoch + step) * self.config.accumulation + part
        rows, grid_bpc = self.grids["train"].read(
            (number, rank, world), (number + 1, rank, world), self.draw, self.device
        )
        return PhotoBatch(grid_bpc, self.labels["train"][rows].to(self.device))

    def draw(self, key: Key) -> Drawn:
        number, rank, world = key
        config = self.config
        epoch, part_of_epoch = divmod(number, self.steps_per_epoch * config.accumulation)
        order = epoch_order(config.seed, epoch, len(self.labels["train"]))
        first = part_of_epoch * config.batch_size
        rows = order[first : first + config.batch_size]
        draw = step_generator(config.seed, epoch, 1, part_of_epoch)
        mirrored = draw.integers(2, size=len(rows)) if config.mirror else np.zeros(len(rows), dtype=np.int64)
        mine = rank_slice(len(rows), rank, world)
        crops: list[np.random.Generator | None] = [
            step_generator(config.seed, epoch, 2, int(row)) for row in rows[mine]
        ]
        return Drawn(rows[mine], mirrored[mine], crops)

    def loss(self, outputs: Tensor, batch: PhotoBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy over all ranks' photos; ranks may hold unequal numbers of readable ones."""
        logits_bk, labels_b = gather_ragged(outputs.float()), gather_ragged(batch.labels_b)
        loss = nn.functional.cross_entropy(logits_bk, labels_b)
        return loss, {"top1": (logits_bk.argmax(1) == labels_b).float().mean()}

    @torch.inference_mode()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Accuracy over the validation photos, unmirrored and uncropped."""
        self.model.eval()
        labels = self.labels["val"]
        found, truth = [], []
        for first in range(0, len(labels), VALIDATION_BATCH):
            following = first + VALIDATION_BATCH
            ahead = (following,) if following < len(labels) else None
            rows, grid_bpc = self.grids["val"].read((first,), ahead, self.validation_block, self.device)
            with accelerator.autocast():
                logits_bk = self.model(PhotoBatch(grid_bpc, labels[rows])).float().cpu()
            found.append(logits_bk.topk(min(5, len(self.classes)), dim=1).indices)
            truth.append(labels[rows].unsqueeze(1))
        hits = torch.cat(found) == torch.cat(truth)
        return {SELECTION: float(hits[:, 0].float().mean()), "top5": float(hits.any(1).float().mean())}

    def validation_block(self, key: Key) -> Drawn:
        rows = np.arange(key[0], min(key[0] + VALIDATION_BATCH, len(self.labels["val"])))
        return Drawn(rows, np.zeros_like(rows), [None] * len(rows))


def label_rows(photos: list[LabeledPhoto], classes: list[str]) -> Tensor:
    index = {name: i for i, name in enumerate(classes)}
    unknown = sorted({photo.label for photo in photos} - index.keys())
    if unknown:
        raise ValueError(f"classes: {len(unknown)} of val are not in train, the first is {unknown[0]!r}")
    return torch.tensor([index[photo.label] for photo in photos])
