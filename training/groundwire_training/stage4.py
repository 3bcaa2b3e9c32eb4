"""Stage 4: retrieval heads on the frozen streams of stage 3, for search with photos and texts.

python -m groundwire_training stage4 --preset compact --data DATA --run runs/compact
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import BertModel

from .checkpoint import require_finished
from .config import STAGE2_PRESETS, add_overrides, begun_on, configure
from .data import CaptionedSplit, epoch_order, step_generator
from .distributed import gather_rows, join_processes, rank_slice
from .features import FeatureCache, cache_splits
from .frozen_states import FrozenStates, cache_states
from .language_stream import encode_texts
from .losses import grouped_cross_entropy, matchmap_similarity, symmetric_cross_entropy
from .metrics_retrieval import recalls, retrieval_ranks
from .retrieval import Retrieval, RetrievalBatch, RetrievalOutput
from .stage2 import NAME as STAGE2
from .stage2 import load_language
from .stage4_config import STAGE4_PRESETS, Stage4Config
from .train_loop import SELECTION, train
from .trained import STAGE3, load_cross_attention, load_match_heads, load_visual, stage2_config
from .two_stream import Texts
from .visual_stream import VisualStream

NAME = "stage4"
VALIDATION_BATCH = 250


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument("--run", dest="run_dir", type=Path, required=True, help="run folder, after stage3")
    parser.add_argument("--features", type=Path, help="feature cache (default: RUN/features)")
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    require_finished(args.run_dir, STAGE2, STAGE3)
    config = configure_stage(args)
    torch.manual_seed(config.seed)
    stage2 = stage2_config(args.run_dir)
    if config.position != stage2.position:
        raise ValueError(
            f"position: must be the visual stream's, {stage2.position!r}, got {config.position!r}"
        )
    splits, caches = cache_splits(
        args.data,
        folder=args.features or args.run_dir / "features",
        trunk=stage2.trunk,
        weights=args.trunk_weights,
        views=config.views,
        max_photos=config.max_photos,
    )
    states = {name: frozen_states(args, name, config, splits[name], caches[name]) for name in splits}
    attention = load_cross_attention(args.run_dir)
    match = load_match_heads(args.run_dir, STAGE2)
    model = Retrieval(attention.query, attention.key, match, config)
    state = train(Stage4(config, model, states), args.run_dir / NAME, description=NAME)
    print(f"{NAME}: best selection {state['best']:.4f} at step {state['bestStep']}")
    return 0


def configure_stage(args: argparse.Namespace) -> Stage4Config:
    """In the variant that the run was begun with: its views are of the photos as stage 2's trunk leaves them."""
    begun = begun_on(args.run_dir / NAME, STAGE4_PRESETS, args.preset, args.set) or begun_on(
        args.run_dir / STAGE2, STAGE2_PRESETS, args.preset
    )
    return configure(STAGE4_PRESETS, args.preset, args.set, begun)


def frozen_states(
    args: argparse.Namespace, name: str, config: Stage4Config, split: CaptionedSplit, cache: FeatureCache
) -> FrozenStates:
    language, visual = load_language(args.run_dir, STAGE3), load_visual(args.run_dir, STAGE3)
    tokenizer = Tokenizer.from_file(str(args.run_dir / STAGE3 / "language" / "tokenizer.json"))
    device = join_processes().device
    nn.ModuleList([language, visual]).to(device)

    @torch.inference_mode()
    def see(grid_bpc: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            alone_bpd = visual.embed(grid_bpc.to(device))
            return visual.attention(alone_bpd), alone_bpd

    @torch.inference_mode()
    def read(texts: Texts) -> Tensor:
        ids, mask = texts.ids.to(device), texts.mask.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            return language(input_ids=ids, attention_mask=mask).last_hidden_state

    def encode(captions: Sequence[str]) -> Texts:
        return Texts(*encode_texts(tokenizer, captions, config.max_caption_tokens))

    return cache_states(
        split,
        cache,
        stem=args.run_dir / NAME / "states" / name,
        fingerprint=states_fingerprint(language, visual, config, cache),
        encode=encode,
        see=see,
        read=read,
    )


def states_fingerprint(
    language: BertModel, visual: VisualStream, config: Stage4Config, cache: FeatureCache
) -> str:
    """Changes with whatever changes a state: weights, precision, truncation, photos and their views."""
    digest = hashlib.sha256(
        repr((config.bf16, config.max_caption_tokens, cache.files, cache.grids.shape[1])).encode()
    )
    for module in (language, visual):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Stage4:
    """Batches, loss and validation of stage 4 for `train_loop.train`."""

    def __init__(self, config: Stage4Config, model: Retrieval, states: dict[str, FrozenStates]) -> None:
        self.config, self.model, self.states = config, model, states
        photos = len(states["train"])
        self.steps_per_epoch = photos // (config.batch_size * config.accumulation)
        if self.steps_per_epoch == 0:
            raise ValueError(f"batch_size: must be at most {photos} photos, got {config.batch_size}")

    def saved_modules(self) -> dict[str, nn.Module]:
        # Sigma travels in a module of its own: heads are exported, sigma is not.
        sigma = nn.ParameterList([self.model.log_sigma])
        return {
            "text": self.model.text,
            "photo": self.model.photo,
            "match": self.model.match,
            "sigma": sigma,
        }

    def parameter_groups(self) -> list[dict[str, Any]]:
        match = {id(p) for p in self.model.match.parameters()}
        learnable = [p for p in self.model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in learnable if id(p) not in match], "lr": self.config.learning_rate},
            {"params": [p for p in learnable if id(p) in match], "lr": self.config.matchmap_learning_rate},
        ]
        return [group for group in groups if group["params"]]

    def set_training(self) -> None:
        self.model.train()

    @property
    def device(self) -> torch.device:
        return self.model.log_sigma.device

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> RetrievalBatch:
        config, states = self.config, self.states["train"]
        draw = step_generator(config.seed, epoch, 1, step, part)
        order = epoch_order(config.seed, epoch, len(states))
        first = (step * config.accumulation + part) * config.batch_size
        photos = order[first : first + config.batch_size]
        captions = np.concatenate([self.draw_captions(photo, draw) for photo in photos])
        views = draw.integers(config.views, size=len(photos))
        mine = rank_slice(len(photos), rank, world)
        grid, alone = states.read_photos(photos[mine], views[mine])
        # All ranks pad to the whole batch's longest caption, so that gathered rows have one shape.
        tokens, mask = states.read_tokens(captions)
        each = config.captions_per_photo
        texts = slice(mine.start * each, mine.stop * each)
        parts = (grid, alone, tokens[texts], mask[texts])
        return RetrievalBatch(*(part.to(self.device) for part in parts))

    def draw_captions(self, photo: int, draw: np.random.Generator) -> np.ndarray:
        """As many as a step needs, in a circle from a random one: none twice before all are in."""
        states = self.states["train"]
        count = states.captions_of(photo)
        start = draw.integers(count)
        return states.first[photo] + (start + np.arange(self.config.captions_per_photo)) % count

    def loss(self, outputs: RetrievalOutput, batch: RetrievalBatch) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        photo_bd, text_bd = gather_rows(outputs.photo_bd), gather_rows(outputs.text_bd)
        scores = normalize(photo_bd.float(), dim=1) @ normalize(text_bd.float(), dim=1).T
        figures = {"contrast": grouped_cross_entropy(scores / self.model.sigma())}
        loss = figures["contrast"]
        if config.matchmap_weight:
            figures["matchmap"] = self.matchmap_loss(outputs, batch)
            loss = loss + config.matchmap_weight * figures["matchmap"]
        return loss, {**figures, "sigma": self.model.sigma()}

    def matchmap_loss(self, outputs: RetrievalOutput, batch: RetrievalBatch) -> Tensor:
        """Stage 2's contrast on the frozen streams; only its two linear heads and their scale learn."""
        scores = matchmap_similarity(
            gather_rows(outputs.matched_grid_bpd),
            gather_rows(outputs.matched_tokens_btd),
            gather_rows(self.model.matched(batch.mask_bt)),
        )
        return symmetric_cross_entropy(scores * (self.model.match.scale() / self.config.sigma))

    @torch.inference_mode()
    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Recall between the validation photos and all of their captions."""
        self.model.eval()
        states = self.states["val"]
        with accelerator.autocast():
            photos = torch.cat([self.embed_photos(states, block) for block in blocks(len(states))])
            # A photo's rank needs as many captions of each: COCO gives some of its photos one or two more.
            each = min(states.captions_of(photo) for photo in range(len(states)))
            captions = (states.first[:-1, None] + np.arange(each)).ravel()
            texts = torch.cat([self.embed_captions(states, captions[b]) for b in blocks(len(captions))])
        scores = normalize(photos, dim=1) @ normalize(texts, dim=1).T
        i2t, t2i = (recalls(ranks) for ranks in retrieval_ranks(scores.cpu().numpy()))
        figures = {SELECTION: (i2t["r10"] + t2i["r10"]) / 2}
        for name, found in (("i2t", i2t), ("t2i", t2i)):
            figures |= {f"{name}R1": found["r1"], f"{name}R10": found["r10"]}
        return figures

    def embed_photos(self, states: FrozenStates, block: slice) -> Tensor:
        photos = np.arange(len(states))[block]
        grid, alone = states.read_photos(photos, np.zeros_like(photos))
        return self.model.embed_photos(grid.to(self.device), alone.to(self.device))

    def embed_captions(self, states: FrozenStates, captions: np.ndarray) -> Tensor:
        tokens, mask = states.read_tokens(captions)
        return self.model.text(tokens.to(self.device), mask.to(self.device))


def blocks(count: int) -> list[slice]:
    return [slice(start, start + VALIDATION_BATCH) for start in range(0, count, VALIDATION_BATCH)]
