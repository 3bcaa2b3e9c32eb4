"""Runs that die, and runs of several processes, against one that was left alone."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from stage_runs import Death, probe_gradients, run_command
from tiny_data import write_prepared, write_tiny_bert, write_tiny_data, write_words

from groundwire_training.checkpoint import checkpoint_folder, read_progress
from groundwire_training.cli import main
from groundwire_training.config import FIRST_PASS_PRESETS, STAGE2_PRESETS
from groundwire_training.provenance import describe_training

STAGES = ("stage1", "stage2", "stage3", "stage4")
# Every step is a checkpoint, so that a kill loses none, part of one, or one.
OVERRIDES = {
    "stage1": ("epochs=2", "batch_size=4", "checkpoint_minutes=0.0", "photos_per_class=8"),
    "stage2": ("epochs=2", "batch_size=4", "checkpoint_minutes=0.0"),
    "stage3": ("epochs=2", "batch_size=4", "checkpoint_minutes=0.0"),
    "stage4": ("epochs=2", "batch_size=4", "checkpoint_minutes=0.0"),
}


class Workshop:
    """Data, a tiny BERT and features that all runs share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = write_tiny_data(folder / "data")
        self.words = write_words(folder / "words.txt")
        self.bert = write_tiny_bert(folder / "bert")

    def arguments(self, stage: str, run: Path, *overrides: str) -> list[str]:
        paths = ["--data", str(self.data), "--run", str(run), "--threads", "1"]
        paths += ["--features", str(self.folder / "features")]
        if stage in ("stage1", "stage2"):
            paths += ["--bert", str(self.bert)]
        if stage in ("stage2", "stage3"):
            paths += ["--words", str(self.words)]
        chosen = [word for override in overrides for word in ("--set", override)]
        return [stage, "--preset", "smoke", *paths, *chosen]

    def all_arguments(self, run: Path) -> list[str]:
        paths = ["--data", str(self.data), "--run", str(run), "--threads", "1"]
        paths += ["--features", str(self.folder / "features"), "--bert", str(self.bert)]
        paths += ["--words", str(self.words), "--skip", "prepare,export,properties,evaluate"]
        named = [f"{stage}.{override}" for stage in STAGES for override in OVERRIDES[stage]]
        chosen = [word for override in named for word in ("--set", override)]
        return ["all", "--preset", "smoke", *paths, *chosen]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("resume"))


@pytest.fixture(scope="module")
def prepared(workshop) -> Path:
    return write_prepared(workshop.folder / "prepare", workshop.data)


@pytest.fixture(scope="module")
def untouched(workshop, prepared) -> Path:
    """A run of all stages, by one command, that nobody killed."""
    run = new_run(workshop.folder / "untouched", prepared)
    assert run_command(workshop.all_arguments(run)) == 0
    return run


def new_run(run: Path, prepared: Path) -> Path:
    run.mkdir()
    (run / "prepare").symlink_to(prepared)
    return run


def weights(run: Path, stage: str) -> dict[str, torch.Tensor]:
    tensors = {}
    for which in ("best", "last"):
        for path in sorted(checkpoint_folder(run / stage, which).glob("*.safetensors")):
            tensors |= {f"{which} {path.name} {name}": value for name, value in load_file(path).items()}
    return tensors


def test_a_run_killed_in_every_stage_ends_with_the_weights_of_one_left_alone(workshop, prepared, untouched):
    run = new_run(workshop.folder / "killed", prepared)
    for stage in STAGES:
        arguments = workshop.arguments(stage, run, *OVERRIDES[stage])
        for death in (Death(1, "start"), Death(1, "middle"), Death(2, "start"), Death(2, "end")):
            assert run_command(arguments, death) == -signal.SIGKILL
        assert "finished" not in (read_progress(run / stage) or {})
        assert run_command(arguments) == 0
        expected, found = weights(untouched, stage), weights(run, stage)
        assert expected.keys() == found.keys()
        different = [name for name, value in expected.items() if not torch.equal(value, found[name])]
        assert different == [], stage


def test_stage_two_starts_from_the_visual_stream_of_stage_one(workshop, untouched):
    weights = [
        load_file(checkpoint_folder(untouched / stage) / "visual.safetensors")["embedder.weight"]
        for stage in ("stage1", "stage2")
    ]
    # Two random matrices of one norm are 1.4 norms apart.
    assert 0 < (weights[1] - weights[0]).norm() < 0.5 * weights[0].norm()


def test_a_run_killed_after_the_first_pass_of_stage_two_goes_on_with_its_best_weights(
    workshop, prepared, tmp_path, monkeypatch
):
    monkeypatch.setitem(FIRST_PASS_PRESETS, "smoke", STAGE2_PRESETS["smoke"])
    runs = [new_run(tmp_path / name, prepared) for name in ("whole", "killed")]
    for run in runs:
        assert main(workshop.arguments("stage2", run, *OVERRIDES["stage2"])) == 0
    shutil.rmtree(runs[1] / "stage2")
    assert main(workshop.arguments("stage2", runs[1], *OVERRIDES["stage2"])) == 0
    whole, killed = (weights(run, "stage2") for run in runs)
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())
    first = weights(runs[0], "first-pass")
    assert any(not torch.equal(value, whole[name]) for name, value in first.items() if name in whole)
    names = [stage["name"] for stage in describe_training("grounded", "smoke", runs[0])["stages"]]
    assert names == ["first-pass", "stage2"]


def test_all_leaves_finished_stages_as_they_are_and_goes_on_with_the_rest(workshop, untouched, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(untouched, run, symlinks=True)
    record = json.loads((run / "all.json").read_text())
    assert list(record["done"]) == list(STAGES)
    del record["done"]["stage4"]
    (run / "all.json").write_text(json.dumps(record))
    shutil.rmtree(run / "stage4")
    before = (run / "stage1" / "progress.json").stat().st_mtime_ns
    assert run_command(workshop.all_arguments(run)) == 0
    assert (run / "stage1" / "progress.json").stat().st_mtime_ns == before
    expected = weights(untouched, "stage4")
    assert all(torch.equal(value, expected[name]) for name, value in weights(run, "stage4").items())


def test_a_run_validates_every_so_many_epochs_and_at_its_end(workshop, untouched, tmp_path):
    run = new_run(tmp_path / "run", untouched / "prepare")
    assert main(workshop.arguments("stage2", run, "epochs=3", "batch_size=4", "validate_every=2")) == 0
    state = json.loads((checkpoint_folder(run / "stage2", "last") / "state.json").read_text())
    epoch = state["step"] // 3
    assert [figures["step"] for figures in state["history"]] == [2 * epoch, 3 * epoch]


@pytest.mark.parametrize("stage", STAGES)
def test_a_loss_that_is_not_a_number_stops_the_run_at_its_step(stage, workshop, untouched, tmp_path, capsys):
    run = new_run(tmp_path / "run", untouched / "prepare")
    for earlier in STAGES[: STAGES.index(stage)]:
        (run / earlier).symlink_to(untouched / earlier)
    rates = [name for name in json.loads((untouched / stage / "config.json").read_text()) if "rate" in name]
    # The first step is sound, and leaves weights with which no second loss is finite.
    broken = [f"{name}=1e30" for name in rates] + ["warmup_steps=0"]
    assert main(workshop.arguments(stage, run, *OVERRIDES[stage], *broken)) == 1
    error = capsys.readouterr().err
    assert "loss: must be finite, got" in error
    assert "at step 2, part 1" in error
    assert read_progress(run / stage)["last"] == "step-00000001"


@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_compute_the_loss_and_gradients_of_one(stage, workshop, untouched, tmp_path):
    still = ["dropout=0.0", *(["attention_dropout=0.0"] if stage == "stage2" else [])]
    run = new_run(tmp_path / "run", untouched / "prepare")
    for earlier in STAGES[: STAGES.index(stage)]:
        (run / earlier).symlink_to(untouched / earlier)
    arguments = workshop.arguments(stage, run, *OVERRIDES[stage], "batch_size=8", *still)
    found = {}
    for processes in (1, 2):
        out = tmp_path / f"{processes}.safetensors"
        probe_gradients(arguments, out, processes)
        found[processes] = load_file(out)
    one, two = found[1], found[2]
    assert one.keys() == two.keys()
    # Sums in another order differ by rounding, of the size of what was summed and not of the sum.
    largest = max(value.abs().max() for value in one.values())
    for name, value in one.items():
        difference = (two[name] - value).abs().max()
        assert difference <= 1e-5 * largest, f"{name}: {difference:.2e} of {largest:.2e}"
