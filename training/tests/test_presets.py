"""`paper` has exactly the published values; overrides are checked."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from groundwire_training import config, stage2, stage3, stage4
from groundwire_training.config import (
    FIRST_PASS_PRESETS,
    STAGE2_PRESETS,
    LoopConfig,
    begun_on,
    configure,
    preset_on,
    save_config,
    to_json,
)
from groundwire_training.run_all import Record, overrides_of, step_names
from groundwire_training.stage1_config import STAGE1_PRESETS
from groundwire_training.stage3_config import STAGE3_PRESETS
from groundwire_training.stage4_config import STAGE4_PRESETS
from groundwire_training.train_loop import rate_at

ADAM = {
    "optimizer": "adam",
    "betas": [0.95, 0.999],
    "weight_decay": 5e-7,
    "schedule": "halving",
    "halve_every": 15,
    "warmup_steps": 0,
    "clip_norm": None,
    "accumulation": 1,
    "bf16": False,
    "max_photos": None,
}
PUBLISHED = {
    "stage1": {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "halve_every": 20,
        "batch_size": 200,
        "epochs": 200,
        "trunk": "vgg16",
        "position": "learned",
        "heads": 12,
        "hidden": 4096,
        "mirror": True,
        "crop_scale": [0.08, 1.0],
        "photos_per_class": None,
    },
    "stage2": ADAM
    | {
        "learning_rate": 5e-5,
        "visual_learning_rate": 5e-5,
        "batch_size": 180,
        "epochs": 100,
        "dropout": 0.3,
        "top_layers": 8,
        "trunk": "vgg16",
        "heads": 12,
        "position": "learned",
        "sigma": 0.1,
        "learn_scale": False,
        "head_gain": None,
        "word_weight": 0.0,
        "text_negatives": 0,
        "distill_weight": 0.0,
    },
    "stage3": ADAM
    | {
        "learning_rate": 1e-5,
        "visual_learning_rate": 1e-5,
        "head_learning_rate": 1e-5,
        "batch_size": 180,
        "epochs": 150,
        "dropout": 0.1,
        "top_layers": 2,
        "heads": 8,
        "subspace": 32,
        "max_objects": 32,
        "text_pairs": 0,
        "imagine_weight": 0.0,
        "distill_weight": 0.0,
    },
    "stage4": ADAM
    | {
        "learning_rate": 5e-5,
        "batch_size": 300,
        "epochs": 150,
        "dropout": 0.1,
        "sigma": 0.1,
        "position": "learned",
        "learn_sigma": False,
        "pooling": "mean",
        "attention_skip": False,
        "matchmap_weight": 0.0,
    },
}
PRESETS = {
    "stage1": STAGE1_PRESETS,
    "stage2": STAGE2_PRESETS,
    "stage3": STAGE3_PRESETS,
    "stage4": STAGE4_PRESETS,
}


@pytest.mark.parametrize("stage", PUBLISHED)
def test_the_paper_preset_has_the_published_values(stage):
    config = to_json(PRESETS[stage]["paper"])
    assert {name: config[name] for name in PUBLISHED[stage]} == PUBLISHED[stage]


def test_halving_halves_after_so_many_epochs_and_not_before():
    config = STAGE2_PRESETS["paper"]
    assert [rate_at(config, epoch * 10, 10) for epoch in (0, 14, 15, 29, 30)] == [1, 1, 0.5, 0.5, 0.25]


def test_a_preset_has_its_variant_on_a_gpu_alone_and_only_where_there_is_one():
    assert preset_on("cpu", STAGE2_PRESETS, "compact").trunk == "mobilenet_v2_tuned"
    assert preset_on("cuda", STAGE2_PRESETS, "compact").trunk == "mobilenet_v2_learned"
    assert preset_on("cuda", STAGE2_PRESETS, "paper") == STAGE2_PRESETS["paper"]


@pytest.mark.parametrize("has_it", [True, False])
def test_a_preset_is_in_bfloat16_where_the_hardware_has_it(has_it, monkeypatch):
    monkeypatch.setattr(config, "has_bf16", lambda: has_it)
    assert configure(STAGE2_PRESETS, "compact", []).bf16 is has_it
    assert configure(STAGE2_PRESETS, "compact", ["bf16=true"]).bf16  # asked for by name
    assert not configure(STAGE2_PRESETS, "smoke", []).bf16


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool) -> None:
    """That there is a GPU, or none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: cuda)


def begin(run: Path, stage: str, config: LoopConfig) -> Namespace:
    """The arguments of a stage that goes on with `run`, in which another has begun."""
    (run / stage).mkdir(parents=True, exist_ok=True)
    save_config(config, run / stage / "config.json")
    return Namespace(run_dir=run, preset="compact", set=[])


@pytest.mark.parametrize("begun", ["cpu", "cuda"])
@pytest.mark.parametrize("stage", ["first-pass", "stage2"])
def test_both_passes_go_on_as_the_variant_that_the_run_was_begun_with(begun, stage, tmp_path, monkeypatch):
    pretend(monkeypatch, cuda=begun == "cpu")
    presets = {"first-pass": FIRST_PASS_PRESETS, "stage2": STAGE2_PRESETS}
    arguments = begin(tmp_path, stage, preset_on(begun, presets[stage], "compact"))
    expected = (preset_on(begun, STAGE2_PRESETS, "compact"), preset_on(begun, FIRST_PASS_PRESETS, "compact"))
    assert stage2.configure_passes(arguments) == expected


@pytest.mark.parametrize("begun", ["cpu", "cuda"])
@pytest.mark.parametrize(("stage", "presets"), [(stage3, STAGE3_PRESETS), (stage4, STAGE4_PRESETS)])
def test_later_stages_follow_stage_two_and_then_themselves(begun, stage, presets, tmp_path, monkeypatch):
    other = "cuda" if begun == "cpu" else "cpu"
    pretend(monkeypatch, cuda=other == "cuda")
    arguments = begin(tmp_path, "stage2", preset_on(begun, STAGE2_PRESETS, "compact"))
    assert stage.configure_stage(arguments) == preset_on(begun, presets, "compact")
    arguments = begin(tmp_path, stage.NAME, preset_on(other, presets, "compact"))
    assert stage.configure_stage(arguments) == preset_on(other, presets, "compact")


def test_a_trunk_that_an_override_names_says_nothing_about_the_variant(tmp_path):
    overrides = ["trunk=mobilenet_v2_learned"]
    begin(tmp_path, "stage2", configure(STAGE2_PRESETS, "compact", overrides, "cpu"))
    assert begun_on(tmp_path / "stage2", STAGE2_PRESETS, "compact", overrides) == "cpu"
    assert begun_on(tmp_path / "stage3", STAGE3_PRESETS, "compact") is None
    assert begun_on(tmp_path / "stage2", STAGE2_PRESETS, "paper") is None


def test_an_override_of_no_field_lists_the_fields():
    with pytest.raises(ValueError, match=r"'epoch' is not a field; valid ones are .*epochs"):
        configure(STAGE1_PRESETS, "smoke", ["epoch=3"])


def test_an_override_of_the_wrong_type_is_refused():
    with pytest.raises(ValueError, match="--set mirror: must be true or false, got '1'"):
        configure(STAGE1_PRESETS, "smoke", ["mirror=1"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("max_photos=abc", "--set max_photos: must be a whole number or null, got 'abc'"),
        ("batch_size=1.5", "--set batch_size: must be a whole number, got '1.5'"),
        ("batch_size=true", "--set batch_size: must be a whole number, got 'true'"),
        ("learning_rate=fast", "--set learning_rate: must be a number, got 'fast'"),
        ("learning_rate=null", "--set learning_rate: must be a number, got 'null'"),
        ("betas=0.9", "--set betas: must be 2 numbers such as [0.1, 0.9], got '0.9'"),
        ("betas=[0.9]", "--set betas: must be 2 numbers such as [0.1, 0.9], got '[0.9]'"),
        ("crop_scale=1", "--set crop_scale: must be 2 numbers such as [0.1, 0.9] or null, got '1'"),
        ("trunk=5", "--set trunk: must be text, got '5'"),
        ("batch_size=0", "batch_size: must be at least 1, got 0"),
        ("epochs=0", "epochs: must be at least 1, got 0"),
        ("validate_every=0", "validate_every: must be at least 1, got 0"),
        ("accumulation=-1", "accumulation: must be at least 1, got -1"),
        ("warmup_steps=-1", "warmup_steps: must be at least 0, got -1"),
        ("betas=[0.9, -1]", "betas: must be at least 0, got (0.9, -1.0)"),
        ("clip_norm=0", "clip_norm: must be above 0, got 0.0"),
        ("learning_rate=NaN", "learning_rate: must be finite, got nan"),
    ],
)
def test_an_override_that_no_run_could_use_names_field_rule_and_value(override, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        configure(STAGE1_PRESETS, "compact", [override], "cpu")


def test_overrides_take_the_types_of_their_fields():
    given = ["patience=null", "max_photos=7", "betas=[0, 0.5]", "crop_scale=[0.1, 1]", "learning_rate=1"]
    config = configure(STAGE1_PRESETS, "compact", [*given, "trunk=vgg16", "mirror=false"], "cpu")
    assert (config.patience, config.max_photos, config.mirror, config.trunk) == (None, 7, False, "vgg16")
    assert (config.betas, config.crop_scale) == ((0.0, 0.5), (0.1, 1.0))
    assert isinstance(config.learning_rate, float)


@pytest.mark.parametrize("name", ["taxonomy_share", "property_weight", "distill_weight"])
def test_what_the_warm_up_needs_is_missed_before_the_first_pass(name, tmp_path):
    arguments = Namespace(run_dir=tmp_path, preset="compact", set=[f"{name}=0"])
    with pytest.raises(ValueError, match=f"{name}: must be above 0, the warm-up of compact needs it, got 0"):
        stage2.configure_passes(arguments)
    arguments.preset = "smoke"
    assert getattr(stage2.configure_passes(arguments)[0], name) == 0


def test_overrides_of_all_go_to_their_stage():
    given = ["stage2.epochs=3", "stage3.batch_size=4", "stage2.sigma=0.2"]
    assert overrides_of("stage2", given) == ["--set", "epochs=3", "--set", "sigma=0.2"]
    with pytest.raises(
        ValueError, match=r"must be STAGE\.NAME=VALUE of a stage of 1 to 4 or properties, got 'epochs=3'"
    ):
        overrides_of("stage2", ["epochs=3"])


def test_a_run_folder_goes_on_only_under_the_configuration_that_began_it(tmp_path):
    record = Record(tmp_path / "all.json", {"preset": "smoke", "set": []})
    record.add("prepare", 1.25)
    assert list(Record(tmp_path / "all.json", {"preset": "smoke", "set": []}).done()) == ["prepare"]
    with pytest.raises(ValueError, match=r"was begun with .*smoke.*got .*paper"):
        Record(tmp_path / "all.json", {"preset": "paper", "set": []})


def test_steps_to_skip_are_checked():
    assert step_names("stage1, export") == ("stage1", "export")
    assert step_names("") == ()
    with pytest.raises(Exception, match="got stage5"):
        step_names("stage5")
