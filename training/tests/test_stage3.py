"""What stage 3 selects by, and how it ends, where the imagination learns in it and where it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from tiny_data import WIDTH, caption, graph_of, tiny_bert, tiny_tokenizer, write_relations

from groundwire_training.checkpoint import save_checkpoint
from groundwire_training.features import FeatureCache
from groundwire_training.grounded_objects import merge_photos, object_classes
from groundwire_training.predicates import load_surface_forms
from groundwire_training.relation_refinement import finish
from groundwire_training.relation_training import build_vocabulary
from groundwire_training.relational import Relational
from groundwire_training.relations import RelationHead, load_relations
from groundwire_training.stage3 import Stage3
from groundwire_training.stage3_config import RELATION_PRESETS, STAGE3_PRESETS
from groundwire_training.train_loop import make_accelerator
from groundwire_training.triples import load_splits
from groundwire_training.visual_stream import make_visual

PHOTOS = {"train": 8, "val": 8}
POSITIONS, CHANNELS = 49, 1280


def toy_stage(data: Path, preset: str) -> Stage3:
    """A few random grids, whose captions' graphs are those that stage 3 reads."""
    random = np.random.default_rng(0)
    if not data.is_dir():
        write_relations(data / "relations", np.random.default_rng(1))
    splits = load_splits(data)
    predicates = build_vocabulary(splits, load_surface_forms(data))
    config = replace(STAGE3_PRESETS[preset], batch_size=4, min_class_count=1, distill_words=0)
    photos, caches = {}, {}
    for split, count in PHOTOS.items():
        files = [f"{split}{i}.jpg" for i in range(count)]
        graphs = {file: [graph_of(caption(random)) for _ in range(5)] for file in files}
        photos[split] = merge_photos(graphs, predicates, config.max_objects)
        grids = random.normal(size=(count, 1, POSITIONS, CHANNELS)).astype(np.float16)
        caches[split] = FeatureCache(files, grids)
    torch.manual_seed(0)
    model = Relational(
        language=tiny_bert(),
        visual=make_visual("mobilenet_v2", width=WIDTH, heads=12, dropout=0.0, position="learned"),
        head=RelationHead(WIDTH, predicates, hidden=16),
        classes=len(object_classes(photos["train"], 1)),
        heads=8,
        dropout=0.0,
        top_layers=1,
        word_pooling="content",
    )
    return Stage3(config, model, tiny_tokenizer(), photos, caches, splits, [])


def test_checkpoints_are_ranked_by_what_learns(tmp_path):
    found = {
        preset: toy_stage(tmp_path / "data", preset).validate(Accelerator(cpu=True))
        for preset in ("paper", "smoke")
    }
    assert set(found["paper"]) == {"selection", "groundedTop1", "groundedTop5"}
    assert found["paper"]["selection"] == found["paper"]["groundedTop5"]
    smoke = found["smoke"]
    assert smoke["selection"] == (smoke["groundedTop5"] + smoke["factualTop5"]) / 2


@pytest.mark.parametrize("preset", ["paper", "smoke"])
def test_the_imagination_learns_at_the_end_and_over_published_operators_it_learns_alone(preset, tmp_path):
    stage, folder = toy_stage(tmp_path / "data", preset), tmp_path / "stage3"
    optimizer = torch.optim.SGD(stage.model.head.parameters(), lr=0.1)
    save_checkpoint(folder, modules=stage.saved_modules(), optimizer=optimizer, state={"step": 1}, best=True)
    before = {name: value.clone() for name, value in stage.model.state_dict().items()}
    finish(stage, folder, replace(RELATION_PRESETS[preset], trials=1, epochs=2))
    moved = {name for name, value in stage.model.state_dict().items() if not torch.equal(value, before[name])}
    imagination = {name for name in before if name.startswith("head.imagined.")} - {"head.imagined.log_scale"}
    shared = {"head.imagined.log_scale", "head.relations.operators", "head.relations.bias"}
    shared |= {"grounding.subspace.weight", "grounding.subspace.bias"}
    assert moved == (imagination if preset == "paper" else imagination | shared)
    written = load_relations(folder / "relations").imagined.out.weight
    assert torch.equal(written, stage.model.head.imagined.out.weight)
    kept = json.loads((folder / "relations" / "refinement.json").read_text())
    assert kept["seconds"] > 0
    assert kept["config"]["operators"] is (preset != "paper")
    assert 0 <= kept["validation"]["factualDevelopment"] <= 1


@pytest.mark.parametrize("bf16", [True, False])
def test_the_end_of_the_stage_validates_in_its_precision_when_it_was_killed_there(bf16, tmp_path):
    stage, folder = toy_stage(tmp_path / "data", "smoke"), tmp_path / "stage3"
    stage.config = replace(stage.config, bf16=bf16)
    optimizer = torch.optim.SGD(stage.model.head.parameters(), lr=0.1)
    save_checkpoint(folder, modules=stage.saved_modules(), optimizer=optimizer, state={"step": 1}, best=True)
    # The steps are over, so that none of this process has set the stage's precision.
    make_accelerator(replace(stage.config, bf16=not bf16))
    found, validate = [], stage.validate

    def noted(accelerator: Accelerator) -> dict[str, float]:
        found.append(accelerator.mixed_precision)
        return validate(accelerator)

    stage.validate = noted
    finish(stage, folder, replace(RELATION_PRESETS["smoke"], trials=1, epochs=1))
    assert found == ["bf16" if bf16 else "no"] * 2
