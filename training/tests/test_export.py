"""The whole way from a run's checkpoints to a bundle, its measures and its plots, at toy size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_fixtures import tiny_tokenizer
from PIL import Image
from run_fixtures import PREDICATES, mark_unfinished, write_data, write_run, write_wordnet

from groundwire_training import lexicon
from groundwire_training.cli import main
from groundwire_training.columns import available_columns, open_column
from groundwire_training.embedder import onnx_embedder, onnx_session, torch_embedder
from groundwire_training.model_card import losses
from groundwire_training.relations import load_relations
from groundwire_training.relations_onnx import read_operators
from groundwire_training.stage2 import load_language
from groundwire_training.trained import load_retrieval
from groundwire_training.triple_counts import read_triple_counts

FILES = {
    "tokenizer.json", "language.onnx", "relations.onnx", "relations.bin", "predicates.json", "visual.onnx",
    "grounding.onnx", "retrieval.onnx", "lexicon.txt", "lexicon.vec", "axes.json", "map.bin", "golden.json",
    "triples.tsv.gz", "MODEL_CARD.md", "manifest.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Path:
    """Holds `data`, `run`, and the relational `bundle` exported from it."""
    folder = tmp_path_factory.mktemp("export")
    write_data(folder / "data")
    write_run(folder / "run")
    write_wordnet(folder / "wordnet")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lexicon, "WORDS", 150)
        assert main(export_arguments(folder, "relational", "bundle")) == 0
    return folder


def export_arguments(folder: Path, stage: str, out: str) -> list[str]:
    options = {"--run": "run", "--data": "data", "--wordnet": "wordnet", "--out": out}
    paths = [word for option, name in options.items() for word in (option, str(folder / name))]
    return ["export", "--preset", "smoke", "--stage", stage, "--max-tokens", "32", *paths]


def read_manifest(bundle: Path) -> dict:
    return json.loads((bundle / "manifest.json").read_text())


def test_a_relational_bundle_holds_every_file_and_says_where_it_comes_from(workshop):
    bundle = workshop / "bundle"
    manifest = read_manifest(bundle)
    assert {path.name for path in bundle.iterdir()} == FILES
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    training = manifest["training"]
    assert (training["preset"], training["seed"], training["hours"]) == ("smoke", 0, 0.03)
    assert [stage["name"] for stage in training["stages"]] == ["stage2", "stage3", "stage4"]
    assert "Flickr8k" in " ".join(item["name"] for item in training["data"])
    assert manifest["name"] == "bert-relational"
    assert "--data DATA --wordnet WORDNET --out OUT" in training["exported"]["command"]
    for name in ("manifest.json", "MODEL_CARD.md"):
        assert str(workshop) not in (bundle / name).read_text()


def test_every_graph_equals_pytorch_in_float32(workshop):
    parity = read_manifest(workshop / "bundle")["float32MaxAbsDiff"]
    assert set(parity) == {name for name in FILES if name.endswith(".onnx")}
    assert max(parity.values()) <= 1e-4


def test_the_stored_language_graph_gives_the_runs_word_vectors(workshop):
    language = load_language(workshop / "run", "stage3")
    expected = torch_embedder(language, tiny_tokenizer(), "mean-words")(["zebra", "striped horse"])
    stored = onnx_embedder(workshop / "bundle")(["zebra", "striped horse"])
    cosine = (expected * stored).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(stored, axis=1)
    assert cosine.min() > 0.999


def test_the_stored_heads_give_what_the_run_learned(workshop):
    bundle, run = workshop / "bundle", workshop / "run"
    random = np.random.default_rng(0)
    tokens = random.normal(size=(2, 5, 32)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    (stored,) = onnx_session(bundle, "retrieval.onnx").run(None, {"tokens": tokens, "attention_mask": mask})
    expected = load_retrieval(run).text(torch.from_numpy(tokens), torch.from_numpy(mask)).detach().numpy()
    assert np.abs(stored - expected).max() < 0.02 * np.abs(expected).max()
    head = load_relations(run / "stage3" / "relations")
    operators, _ = read_operators(bundle / "relations.bin", len(PREDICATES), 32)
    np.testing.assert_allclose(operators, head.relations.unit_operators().detach().numpy(), atol=1e-6)


def test_counts_of_triples_hold_those_of_the_photos(workshop):
    counts = read_triple_counts(workshop / "bundle" / "triples.tsv.gz")
    assert counts["zebra", 1, "horse"] >= 1


def test_a_grounded_bundle_has_words_alone(workshop, monkeypatch):
    monkeypatch.setattr(lexicon, "WORDS", 120)
    assert main(export_arguments(workshop, "grounded", "grounded")) == 0
    names = {path.name for path in (workshop / "grounded").iterdir()}
    assert "language.onnx" in names
    assert not names & {"visual.onnx", "relations.onnx"}
    assert [stage["name"] for stage in read_manifest(workshop / "grounded")["training"]["stages"]] == [
        "stage2"
    ]


def test_a_bundle_of_a_trained_stage_needs_its_run(capsys):
    assert main(["export", "--stage", "grounded"]) == 1
    assert "--run: a bundle of stage grounded needs a run folder" in capsys.readouterr().err


def unfinished(run: Path, stage: str, copy: Path) -> Path:
    shutil.copytree(run, copy)
    mark_unfinished(copy / stage)
    return copy


@pytest.mark.parametrize(
    ("command", "stage"),
    [("stage3", "stage2"), ("stage4", "stage3"), ("relational", "stage4"), ("grounded", "stage2")],
)
def test_nothing_is_built_on_a_stage_that_is_still_trained(command, stage, workshop, tmp_path, capsys):
    run = unfinished(workshop / "run", stage, tmp_path / "run")
    paths = ["--run", str(run), "--data", str(workshop / "data")]
    if command.startswith("stage"):
        arguments = [command, "--preset", "smoke", *paths]
    else:
        arguments = [
            "export",
            "--preset",
            "smoke",
            "--stage",
            command,
            *paths,
            "--out",
            str(tmp_path / "out"),
        ]
    assert main(arguments) == 1
    assert f"{stage}: is not finished in {run}; run it to its end first" in capsys.readouterr().err


@pytest.mark.parametrize(("stage", "column"), [("stage2", "grounded"), ("stage3", "relational")])
def test_a_stage_that_is_still_trained_has_no_column_unless_it_is_asked_for(
    stage, column, workshop, tmp_path
):
    whole = available_columns(run=workshop / "run", bundle=workshop / "bundle")
    assert whole == ["base", "grounded", "relational", "shipped"]
    run = unfinished(workshop / "run", stage, tmp_path / "run")
    assert available_columns(run=run, bundle=workshop / "bundle") == [
        name for name in whole if name != column
    ]
    assert open_column(column, base=None, run=run, bundle=None).run == run


def test_a_stage_three_whose_relations_are_not_written_has_no_column(workshop, tmp_path):
    shutil.copytree(workshop / "run", tmp_path / "run")
    (tmp_path / "run" / "stage3" / "relations" / "grounding.safetensors").unlink()
    assert available_columns(run=tmp_path / "run", bundle=None) == ["base", "grounded"]


@pytest.mark.parametrize("command", ["export", "all"])
def test_only_a_bundle_or_an_empty_folder_is_written_over(command, workshop, tmp_path, capsys):
    kept = tmp_path / "models" / "other" / "weights"
    kept.parent.mkdir(parents=True)
    kept.write_text("a week's work")
    (tmp_path / "models" / "manifest.json").write_text('{"name": "of something else"}')
    arguments = export_arguments(workshop, "grounded", str(tmp_path / "models"))
    if command == "all":
        paths = ["--data", str(workshop / "data"), "--run", str(tmp_path / "run")]
        arguments = ["all", "--preset", "smoke", *paths, "--out", str(tmp_path / "models")]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert f"--out: must be a new or empty folder, or one that holds a bundle, got {tmp_path}" in error
    assert kept.read_text() == "a week's work"


def test_a_bundle_is_replaced_whole(workshop, tmp_path, monkeypatch):
    monkeypatch.setattr(lexicon, "WORDS", 120)
    out = tmp_path / "bundle"
    out.mkdir()
    for _ in range(2):
        assert main(export_arguments(workshop, "grounded", str(out))) == 0
        assert not (out / "left over").exists()
        (out / "left over").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_shipped_column_is_measured_from_the_bundle_and_written_into_it(workshop, tmp_path, capsys):
    options = {"--data": "data", "--run": "run", "--bundle": "bundle", "--cache": "cache"}
    paths = [word for option, name in options.items() for word in (option, str(workshop / name))]
    chosen = ["--columns", "relational,shipped", "--only", "simlex,retrieval,relations,onnx"]
    command = ["evaluate", *paths, *chosen, "--write-manifest", "--plots", "--out", str(tmp_path)]
    before = read_manifest(workshop / "bundle")
    assert main(command) == 0
    results = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    shipped, relational = results["shipped"], results["relational"]
    assert set(shipped["relations"]) == {"factual", "factualUnseen", "vg150", "vg150ZeroShot"}
    # Words that move by a thousandth rank nearly the same.
    assert shipped["relations"]["vg150"]["top1"] == pytest.approx(
        relational["relations"]["vg150"]["top1"], abs=0.15
    )
    assert 0 <= shipped["retrieval"]["i2t"]["r1"] <= shipped["retrieval"]["i2t"]["r10"] <= 1
    assert shipped["onnxMaxAbsDiff"] <= 1e-4
    after = read_manifest(workshop / "bundle")
    assert after["metrics"] == results
    assert after["fingerprint"] == before["fingerprint"]
    card = (workshop / "bundle" / "MODEL_CARD.md").read_text()
    assert "| text to image R@10 | – |" in card
    for name in ("relations.png", "retrieval.png", "concreteness.png"):
        assert Image.open(tmp_path / name).size[0] > 300


def test_the_card_names_what_grounding_cost():
    metrics = {"base": {"simlex": 0.5, "zebraRank": 9}, "shipped": {"simlex": 0.45, "zebraRank": 3}}
    said = losses(metrics)
    assert "SimLex-999 Spearman (0.450, base 0.500)" in said
    assert "zebra" not in said
