"""The end of stage 3: the relation head learns on from text-only pairs, then photos' objects are fitted to it.

While BERT learns, every step sees few pairs. With its vectors frozen, all pairs are seen dozens of times in
minutes; the photos' map into the relation subspace (the paper's W) is then fitted to the new operators. Where the
operators are to stay as stage 3 left them, the imagination alone learns, and the map stays too.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from .checkpoint import checkpoint_folder, load_module, tensors_of
from .distributed import join_processes, wait_until
from .language_stream import encode_texts
from .relation_training import SOURCES, RelationConfig, pair_table, refine_relations, training_triples
from .relations import RelationHead, relation_losses, save_relations
from .sessions import save_session
from .train_loop import make_accelerator
from .triples import Triple
from .two_stream import Texts

if TYPE_CHECKING:
    from .stage3 import Stage3

REFINEMENT = "refinement"
BATCH = 256
PHOTO_BATCH = 100
FIT_STEPS = 400
FIT_BATCH = 2048
FIT_RATE = 2e-3


def refinement_file(stage_dir: Path) -> Path:
    """What the refinement did, and what it came to."""
    return stage_dir / "relations" / "refinement.json"


def last_file(stage_dir: Path) -> Path:
    """What is written last: with it, the stage is over."""
    return stage_dir / "relations" / "grounding.safetensors"


def finish(stage: Stage3, folder: Path, config: RelationConfig) -> None:
    """Writes `relations/` from the best checkpoint, its head refined. The main process does, the others wait."""
    done = last_file(folder)
    if not join_processes().is_main_process:
        # Longer than a barrier of the process group does.
        wait_until(done.is_file)
    if done.is_file():
        return
    started = time.monotonic()
    best = checkpoint_folder(folder)
    for name, module in stage.saved_modules().items():
        load_module(module, best / f"{name}.safetensors")
    accelerator = make_accelerator(stage.config)
    before = stage.validate(accelerator)
    development = refine(stage, config)
    after = stage.validate(accelerator)
    for name in before:
        print(f"stage3 refined: {name} {before[name]:.4f} -> {after[name]:.4f}")
    save_relations(stage.model.head, folder / "relations")
    save_session(
        refinement_file(folder),
        time.monotonic() - started,
        config=asdict(config),
        validation={**after, "factualDevelopment": development},
    )
    partial = done.with_suffix(".partial")
    save_file(tensors_of(stage.model.grounding), partial)
    partial.replace(done)


def refine(stage: Stage3, config: RelationConfig) -> float:
    """Replaces the weights of the stage's relation head and of its map from photos, in place.

    Returns the development score of the head that was kept.
    """
    model = stage.model.eval()
    counts = text_sources(stage)
    names = sorted(
        {name for source in counts.values() for triple in source for name in (triple[0], triple[2])}
    )
    number = {name: i for i, name in enumerate(names)}
    tables = {
        name: pair_table(found, number, model.head.predicates, SOURCES[name][0])
        for name, found in counts.items()
        if found
    }
    vectors = embed_names(stage, names)
    seeds = range(config.seed, config.seed + config.trials)
    trials = [refine_relations(model.head, vectors, tables, replace(config, seed=seed)) for seed in seeds]
    scores = [development_score(stage, trial) for trial in trials]
    print(f"stage3 refined: development scores {' '.join(f'{score:.4f}' for score in scores)}")
    model.head.load_state_dict(trials[int(np.argmax(scores))].state_dict())
    if config.operators:
        fit_subspace(stage, *grounded_pairs(stage))
    return max(scores)


@torch.inference_mode()
def development_score(stage: Stage3, head: RelationHead) -> float:
    """Mean of FACTUAL's figures on its development split. Leaves the stage with this head."""
    stage.model.head.load_state_dict(head.state_dict())
    return float(np.mean(list(stage.rank_factual().values())))


def text_sources(stage: Stage3) -> dict[str, Counter[Triple]]:
    factual, vg150 = training_triples(stage.splits)
    return {"factual": factual, "vg150": vg150, "captions": caption_triples(stage)}


def caption_triples(stage: Stage3) -> Counter[Triple]:
    """Relations that the training photos' captions were read to state."""
    names = [predicate.name for predicate in stage.model.head.predicates]
    return Counter(
        (photo.names[subject], names[label], photo.names[object_])
        for photo in stage.photos["train"]
        for subject, label, object_ in photo.relations
    )


@torch.inference_mode()
def embed_names(stage: Stage3, names: list[str]) -> Tensor:
    """Word vectors float32 [N, D] of the stage's language stream."""
    blocks = []
    for first in range(0, len(names), BATCH):
        ids, mask = encode_texts(stage.tokenizer, names[first : first + BATCH], stage.max_text_tokens)
        with torch.autocast(stage.device.type, torch.bfloat16, enabled=stage.config.bf16):
            vectors = stage.model.embed(Texts(ids.to(stage.device), mask.to(stage.device)))
        blocks.append(vectors.float())
    return torch.cat(blocks).clone()


@torch.inference_mode()
def grounded_pairs(stage: Stage3) -> tuple[Tensor, Tensor, Tensor]:
    """(subjects, objects float32 [M, D], predicates [M]): all related pairs of the training photos."""
    subjects, objects, labels = [], [], []
    photos = np.arange(len(stage.photos["train"]))
    for chosen in tqdm(
        np.array_split(photos, -(-len(photos) // PHOTO_BATCH)), desc="grounded pairs", mininterval=5
    ):
        batch = stage.assemble("train", chosen, np.zeros_like(chosen), {}, np.array([], dtype=np.int64))
        with torch.autocast(stage.device.type, torch.bfloat16, enabled=stage.config.bf16):
            texts_ud = stage.model.embed(batch.texts)
            grounded_bnd = stage.model.ground(texts_ud[batch.objects_bn], batch.grid_bpc, batch.mask_bn)
        photo, subject, object_ = batch.pairs_m3.unbind(1)
        subjects.append(grounded_bnd[photo, subject].float())
        objects.append(grounded_bnd[photo, object_].float())
        labels.append(batch.labels_m)
    return torch.cat(subjects).clone(), torch.cat(objects).clone(), torch.cat(labels).clone()


def fit_subspace(stage: Stage3, subjects_md: Tensor, objects_md: Tensor, labels_m: Tensor) -> None:
    """Fits the map from grounded objects to the relation subspace; operators and streams stay as they are."""
    if len(labels_m) == 0:
        return
    subspace = stage.model.grounding["subspace"]
    scale = stage.model.head.imagined.log_scale.exp().detach()
    operators = stage.model.head.relations
    optimizer = torch.optim.AdamW(subspace.parameters(), lr=FIT_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FIT_STEPS)
    generator = torch.Generator().manual_seed(stage.config.seed)
    for _ in range(FIT_STEPS):
        rows = torch.randint(len(labels_m), (min(FIT_BATCH, len(labels_m)),), generator=generator)
        scores = operators(subspace(subjects_md[rows]) * scale, subspace(objects_md[rows]) * scale)
        loss = relation_losses(scores, labels_m[rows])[0]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(subspace.parameters(), 1.0)
        optimizer.step()
        schedule.step()
