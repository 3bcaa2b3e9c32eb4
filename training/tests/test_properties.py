"""A finished bundle learns what color things are, and keeps all else where it was."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_fixtures import NOUNS
from run_fixtures import write_data, write_photos, write_run, write_wordnet
from safetensors.torch import load_file
from stage_runs import Death, probe_gradients, run_command

from groundwire_training import lexicon, weights_onnx
from groundwire_training.bundle import update_metrics
from groundwire_training.checkpoint import checkpoint_folder
from groundwire_training.cli import main
from groundwire_training.embedder import onnx_embedder, torch_embedder
from groundwire_training.properties import LANGUAGE, TAKEN_OVER
from groundwire_training.property_config import PROPERTY_PRESETS
from groundwire_training.property_stage import PropertyTuning, load_held
from groundwire_training.property_tables import PropertyTable, load_tables
from groundwire_training.stage2 import load_language
from groundwire_training.stored_language import load_stored_language

COLORS = ("red", "white")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Path:
    """Holds `data`, `run`, and the relational `bundle` exported from it."""
    folder = tmp_path_factory.mktemp("properties")
    write_data(folder / "data")
    write_photos(folder / "data" / "flickr8k", "val")
    write_tables(folder / "data" / "relations" / "vicomte")
    write_run(folder / "run")
    options = {"--run": "run", "--data": "data", "--wordnet": "wordnet", "--out": "bundle"}
    write_wordnet(folder / "wordnet")
    paths = [word for option, name in options.items() for word in (option, str(folder / name))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lexicon, "WORDS", 150)
        patched.setattr(weights_onnx, "MIN_STORED_SIZE", 256)  # so that even these are stored in few bits
        command = ["export", "--preset", "smoke", "--stage", "relational", "--max-tokens", "32", *paths]
        assert main(command) == 0
    return folder


def write_tables(folder: Path) -> None:
    """Half of the things are red, the others white."""
    folder.mkdir(parents=True)
    for name in ("color", "material", "shape"):
        rows = [f"{noun}\t{9 * (i % 2)}\t{9 * (1 - i % 2)}" for i, noun in enumerate(NOUNS)]
        (folder / f"{name}.tsv").write_text("\n".join(["object\t" + "\t".join(COLORS), *rows]) + "\n")


def arguments(workshop: Path, run: Path, bundle: Path, *overrides: str) -> list[str]:
    paths = ["--data", str(workshop / "data"), "--run", str(run), "--bundle", str(bundle), "--threads", "1"]
    paths += ["--bert", str(workshop / "run" / "stage3" / "language")]
    chosen = [word for override in overrides for word in ("--set", override)]
    return ["properties", "--preset", "smoke", *paths, *chosen]


@pytest.fixture
def bundle(workshop, tmp_path) -> Path:
    shutil.copytree(workshop / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_gives_back_the_weights_that_it_computes_with(workshop):
    language, tokenizer = load_stored_language(workshop / "bundle", workshop / "run" / "stage3" / "language")
    texts = ["zebra", "striped horse", "red " * 20]
    back = torch_embedder(language, tokenizer, "mean-words")(texts)
    np.testing.assert_allclose(back, onnx_embedder(workshop / "bundle")(texts), atol=1e-5)
    trained = load_language(workshop / "run", "stage3").state_dict()
    for name, value in language.state_dict().items():
        assert torch.allclose(
            value, trained[name][: len(value)], atol=0.05 * float(trained[name].abs().max())
        )


def test_weights_of_another_bert_are_refused(workshop, tmp_path, capsys):
    config = json.loads((workshop / "run" / "stage3" / "language" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    command = arguments(workshop, tmp_path / "run", workshop / "bundle", "batch_size=2")
    assert main([*command, "--bert", str(tmp_path)]) == 1
    assert "it lacks encoder.layer.2." in capsys.readouterr().err


def test_colors_are_learned_and_all_else_is_held(workshop, bundle, tmp_path):
    update_metrics(bundle, {"relational": {"simlex": 0.4}, "shipped": {"simlex": 0.5}})
    before = json.loads((bundle / "manifest.json").read_text())
    kept = {name: (bundle / name).read_bytes() for name in (*TAKEN_OVER, "tokenizer.json", "lexicon.txt")}
    texts = ["zebra", "idea", "striped horse"]
    old = onnx_embedder(bundle)(texts)
    shutil.copytree(bundle, tmp_path / "loose")
    faster = ("epochs=4", "learning_rate=1e-3")
    command = arguments(workshop, tmp_path / "tuned", bundle, *faster)
    assert main(command) == 0
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert {name: (bundle / name).read_bytes() for name in kept} == kept
    assert manifest["fingerprint"] != before["fingerprint"]
    assert manifest["metrics"] == {"relational": {"simlex": 0.4}}
    assert manifest["float32MaxAbsDiff"].keys() == before["float32MaxAbsDiff"].keys()
    assert manifest["float32MaxAbsDiff"][LANGUAGE] <= 1e-4
    training = manifest["training"]
    assert [part["name"] for part in training["stages"]] == ["stage2", "stage3", "stage4", "properties"]
    assert training["stages"][-1]["sessions"][0]["command"].startswith(
        "python -m groundwire_training properties"
    )
    assert str(tmp_path) not in json.dumps(manifest)
    history = json.loads(
        (checkpoint_folder(tmp_path / "tuned" / "properties", "last") / "state.json").read_text()
    )
    nats = [figures["colorNats"] for figures in history["history"]]
    assert nats[-1] > nats[0]
    assert main(arguments(workshop, tmp_path / "run", tmp_path / "loose", *faster, "hold_weight=0.0")) == 0
    held, loose = (
        np.linalg.norm(onnx_embedder(found)(texts) - old) for found in (bundle, tmp_path / "loose")
    )
    assert held < 0.5 * loose
    # A second time, as `all` calls it where it was killed before it took note: nothing happens.
    assert main(command) == 0
    assert json.loads((bundle / "manifest.json").read_text()) == manifest


def test_without_counted_names_no_phrases_are_made_up(workshop):
    tables = load_tables(workshop / "data")
    assert load_held(workshop / "data", ["zebra"], tables).made_up(3, np.random.default_rng(0))
    shutil.copytree(workshop / "data", workshop / "bare", ignore=shutil.ignore_patterns("visual-genome"))
    held = load_held(workshop / "bare", ["zebra"], tables)
    language, tokenizer = load_stored_language(workshop / "bundle", workshop / "run" / "stage3" / "language")
    batch = PropertyTuning(PROPERTY_PRESETS["smoke"], language, tokenizer, tables, held).batch(0, 0, 0, 0, 1)
    assert len(batch.texts.ids) == 2 * (1 + len(COLORS)) + 8 + 8


def test_checkpoints_of_another_bundle_are_not_gone_on_with(workshop, bundle, tmp_path, capsys):
    (tmp_path / "run" / "properties").mkdir(parents=True)
    (tmp_path / "run" / "properties" / "bundle.json").write_text('{"fingerprint": "0123456789abcdef"}')
    assert main(arguments(workshop, tmp_path / "run", bundle)) == 1
    assert "was begun with another bundle, of fingerprint 0123456789ab" in capsys.readouterr().err


def test_a_preset_without_such_an_end_is_refused(workshop, bundle, tmp_path, capsys):
    command = arguments(workshop, tmp_path / "run", bundle)
    command[command.index("smoke")] = "paper"
    assert main(command) == 1
    assert "--preset: must be one of compact, smoke, got paper" in capsys.readouterr().err


def test_killed_it_ends_with_the_weights_of_one_left_alone(workshop, tmp_path):
    found = []
    for name, deaths in (("whole", []), ("killed", [Death(1, "middle"), Death(2, "end")])):
        shutil.copytree(workshop / "bundle", tmp_path / name)
        command = arguments(workshop, tmp_path / f"{name}-run", tmp_path / name, "checkpoint_minutes=0.0")
        for death in deaths:
            assert run_command(command, death) == -signal.SIGKILL
        assert run_command(command) == 0
        found.append((tmp_path / name / LANGUAGE).read_bytes())
    assert found[0] == found[1]


def test_two_processes_compute_the_loss_and_gradients_of_one(workshop, tmp_path):
    found = {}
    for processes in (1, 2):
        out = tmp_path / f"{processes}.safetensors"
        command = arguments(workshop, tmp_path / f"run-{processes}", workshop / "bundle")
        probe_gradients(command, out, processes)
        found[processes] = load_file(out)
    largest = max(value.abs().max() for value in found[1].values())
    assert found[1].keys() == found[2].keys()
    for name, value in found[1].items():
        assert (found[2][name] - value).abs().max() <= 1e-5 * largest, name


def test_the_prior_is_what_is_said_of_all_things():
    table = PropertyTable(
        ["apple", "snow"], ["red", "white"], np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([3.0, 4.0])
    )
    # Red was said 3 + 1 times, white 3 times, and each once more.
    np.testing.assert_allclose(np.exp(table.log_prior), [5 / 9, 4 / 9])
    assert table.versions(np.array([1])) == ["snow", "red snow", "white snow"]
