"""What a bundle says of where it comes from: commands, commits, times, models and data."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
from run_fixtures import STAGE2, write_run, write_stage
from test_stage4 import CONFIG, toy_stage

from groundwire_training import cli, run_all, sessions
from groundwire_training.checkpoint import checkpoint_folder, write_json
from groundwire_training.config import LEXICAL_PRESETS, STAGE2_PRESETS, save_config
from groundwire_training.data_sources import captioned_photos, short_name
from groundwire_training.model_card import model_card
from groundwire_training.provenance import describe_training, describe_tuning
from groundwire_training.sessions import REPOSITORY, current_commit, running
from groundwire_training.stage1_config import STAGE1_PRESETS
from groundwire_training.train_loop import train

MACHINE = {"hardware": "a CPU", "preset": "paper"}


def command(*words: str, **paths: Path) -> str:
    """The line that a stage keeps of `all`, whose options `words` are."""
    options = [word for name, path in paths.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    args = argparse.Namespace(preset="smoke", **paths)
    with running(["all", *options, *words], args):
        return sessions.session()["command"]


def test_a_command_holds_every_option_and_no_path_of_the_machine(tmp_path):
    lexicon = REPOSITORY / "models" / "lexicon.txt"
    said = command("--set", "stage2.epochs=3", data=tmp_path, words=lexicon, trunk_weights=tmp_path / "w.pth")
    assert said == (
        "python -m groundwire_training all --data DATA --words models/lexicon.txt "
        "--trunk-weights TRUNK_WEIGHTS --set stage2.epochs=3"
    )
    with running(["stage2", f"--run={tmp_path}"], argparse.Namespace(preset="smoke", run_dir=tmp_path)):
        assert sessions.session()["command"].endswith("stage2 --run=RUN")


def test_a_command_that_runs_another_is_the_one_that_was_given(tmp_path):
    outer = argparse.Namespace(preset="paper", bert=tmp_path / "bert-base-uncased")
    with running(["all", "--preset", "paper"], outer):
        with running(["stage2"], argparse.Namespace(preset="paper", bert=outer.bert)):
            inner = sessions.session()
        with running(["stage3"], argparse.Namespace(preset="paper")):
            assert "languageModel" not in sessions.session()
    assert inner["command"] == "python -m groundwire_training all --preset paper"
    assert inner["languageModel"] == "bert-base-uncased"
    assert sessions.session()["command"] is None


def test_a_stage_keeps_the_commands_that_trained_it_and_from_which_step_on(tmp_path, monkeypatch):
    config = replace(CONFIG, epochs=2, batch_size=32, matchmap_rows=16)
    stage, calls = toy_stage(config), []

    def validate_once(accelerator):
        calls.append(accelerator)
        if len(calls) > 1:
            raise ValueError("stopped")
        return type(stage).validate(stage, accelerator)

    monkeypatch.setattr(stage, "validate", validate_once)
    args = argparse.Namespace(preset="smoke")
    with running(["all", "--threads", "1"], args), pytest.raises(ValueError, match="stopped"):
        train(stage, tmp_path, description="stage4")
    state = json.loads((checkpoint_folder(tmp_path, "last") / "state.json").read_text())
    assert [kept["step"] for kept in state["sessions"]] == [0]
    # An older version kept nothing of the first command.
    (checkpoint_folder(tmp_path, "last") / "state.json").write_text(
        json.dumps({name: value for name, value in state.items() if name != "sessions"})
    )
    with running(["stage4", "--threads", "2"], args):
        done = train(toy_stage(config), tmp_path, description="stage4")
    (kept,) = done["sessions"]
    assert kept["step"] == 2
    assert kept["command"] == "python -m groundwire_training stage4 --threads 2"
    assert kept["commit"] == current_commit()


def test_prepare_keeps_its_command_and_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr("groundwire_training.prepare.run", lambda args: 0)
    folder = tmp_path / "run"
    (folder / "prepare").mkdir(parents=True)
    for _ in range(2):
        assert cli.main(["prepare", "--data", str(tmp_path), "--run", str(folder)]) == 0
    kept = json.loads((folder / "prepare" / "session.json").read_text())
    assert kept["seconds"] > 0
    assert [entry["command"] for entry in kept["sessions"]] == [
        "python -m groundwire_training prepare --data DATA --run RUN"
    ]


def add_part(run: Path, name: str, config) -> None:
    """A finished loop beside those of `write_run`, an hour long."""
    folder = run / name
    (folder / "step-1").mkdir(parents=True)
    state = {"step": 1, "bestStep": 1, "seconds": 3600.0, "hardware": "a CPU", "history": []}
    write_json(folder / "step-1" / "state.json", state)
    write_json(folder / "progress.json", {"last": "step-1", "best": "step-1", "finished": "step-1"})
    save_config(config, folder / "config.json")


def record_sessions(run: Path, **more: str) -> None:
    for path in run.glob("*/step-*/state.json"):
        state = json.loads(path.read_text())
        step = {
            "step": 0,
            "command": f"python {path.parents[1].name[:5]}",
            "commit": "abc",
            **MACHINE,
            **more,
        }
        write_json(path, {**state, "sessions": [step]})


def test_every_part_of_a_run_is_listed_with_its_hours(tmp_path):
    run = write_run(tmp_path / "run")
    add_part(run, "stage1", STAGE1_PRESETS["smoke"])
    add_part(run, "first-pass", STAGE2)
    add_part(run, "lexical", LEXICAL_PRESETS["compact"])
    record_sessions(run)
    kept = {"seconds": 1800.0, "sessions": [{"command": "python prepare", "commit": "old", **MACHINE}]}
    write_json(run / "prepare" / "session.json", kept)
    write_json(run / "stage3" / "relations" / "refinement.json", {**kept, "config": {}, "validation": {}})
    training = describe_training("relational", "compact", run)
    assert [part["name"] for part in training["stages"]] == [
        "prepare", "stage1", "first-pass", "lexical", "stage2", "stage3", "refinement", "stage4",
    ]  # fmt: skip
    assert training["hours"] == pytest.approx(0.5 + 3 + 0.01 + 0.01 + 0.5 + 0.01)
    lines = ["prepare", "stage", "first", "lexic"]
    assert training["command"] == " && ".join(f"python {line}" for line in lines)
    assert training["commit"] == "old, abc"
    assert training["preset"] == "paper"
    grounded = describe_training("grounded", "compact", run)
    assert [part["name"] for part in grounded["stages"]] == ["stage1", "first-pass", "lexical", "stage2"]


def test_a_run_of_an_older_version_is_described_by_what_it_kept(tmp_path):
    run = write_run(tmp_path / "run")
    training = describe_training("relational", "smoke", run)
    assert [training[name] for name in ("command", "commit", "preset")] == [None, None, "smoke"]
    assert "| commit | not recorded |" in card(training)
    assert "Not photos alone" not in card(training)
    training["stages"][0]["config"] |= {"taxonomy_share": 0.5, "property_weight": 0.1}
    assert "50% of each word's target in training is WordNet's likeness,\n  and colors" in card(training)
    configuration = {"preset": "compact", "set": ["stage2.epochs=3"]}
    write_json(run / "all.json", {"configuration": configuration, "done": {"prepare": {"seconds": 360.0}}})
    training = describe_training("relational", "smoke", run)
    assert training["command"] == (
        "python -m groundwire_training all --preset compact --set stage2.epochs=3 "
        "(other options were not recorded)"
    )
    assert training["preset"] == "compact"
    assert training["stages"][0]["name"] == "prepare"
    assert training["stages"][0]["hours"] == 0.1


def card(training: dict) -> str:
    shape = {"dimension": 32, "maxTokens": 32, "pooling": "mean-words"}
    metrics = {"base": {"simlex": 0.5}, "shipped": {"simlex": 0.6}}
    fields = {"name": "x", "stage": "relational", **shape, "metrics": metrics}
    return model_card({**fields, "training": training}, 10)


def write_captions(data: Path, said: str | None) -> Path:
    (data / "flickr8k").mkdir(parents=True)
    document = {"images": [{"id": i} for i in range(3)], **({"info": {"description": said}} if said else {})}
    (data / "flickr8k" / "captions_train.json").write_text(json.dumps(document))
    return data


def test_a_bundle_names_the_models_and_photos_that_its_run_had(tmp_path):
    run, data = write_run(tmp_path / "run"), write_captions(tmp_path / "data", "COCO 2017 Dataset")
    save_config(STAGE2_PRESETS["paper"], run / "stage2" / "config.json")
    record_sessions(run, languageModel="bert-base-uncased")
    training = describe_training("relational", "compact", run, data=data)
    names = " ".join(row["name"] for row in training["data"])
    for wanted in ("BERT-base", "COCO", "VGG-16"):
        assert wanted in names
    text = card(training)
    assert text.startswith("# x\n\nbert-base-uncased after two-stream contrast")
    for foreign in ("MiniLM", "Flickr8k", "MobileNet", "ViComTe", "Not photos alone"):
        assert foreign not in text
    assert "`base` is the mean over all tokens" in text
    assert short_name(training["languageModel"]) == "bert-base-uncased"
    assert short_name("all-MiniLM-L6-v2") == "minilm-l6"


def test_photos_are_what_their_caption_file_says(tmp_path):
    said = {"a": "Flickr8k, official train split", "b": "Our own photos", "c": None}
    photos = {name: captioned_photos(write_captions(tmp_path / name, text), 2) for name, text in said.items()}
    assert [found.source for found in photos.values()] == ["Flickr8k", None, None]
    assert photos["a"].train == 2
    assert photos["b"].row == {"name": "Our own photos", "licence": "none stated"}


def test_all_measures_the_language_model_that_it_grounded(tmp_path):
    words = ["--data", str(tmp_path), "--run", str(tmp_path), "--bert", "some/bert"]
    parser = argparse.ArgumentParser()
    run_all.add_arguments(parser)
    args = argparse.Namespace(preset="paper", **vars(parser.parse_args(words)))
    given = run_all.command_of("evaluate", args)
    assert given[given.index("--base") + 1] == "some/bert"
    args.bert = None
    assert "--base" not in run_all.command_of("evaluate", args)


def test_a_bundle_of_an_older_version_goes_on_learning(tmp_path):
    write_stage(tmp_path / "properties", {}, STAGE2)
    older = {"command": "all --preset compact", "commit": None, "hardware": "a GPU", "hours": 1.5}
    older |= {
        "preset": "compact",
        "seed": 7,
        "stages": [{"name": "stage2", "hours": 1.5, "hardware": "a GPU"}],
    }
    told = describe_tuning(older, tmp_path, "properties")
    assert (told["command"], told["hardware"], told["hours"]) == ("all --preset compact", "a GPU", 1.51)
    assert (told["commit"], told["seed"], told["preset"]) == (None, 7, "compact")
    assert [part["name"] for part in told["stages"]] == ["stage2", "properties"]
