"""Runs that come home in pieces."""

from __future__ import annotations

import io
import shutil
import tarfile

import pytest
import torch
from run_fixtures import mark_unfinished, write_run

from groundwire_training.pack import SMALL, pack, to_half, write_pieces
from groundwire_training.provenance import describe_training
from groundwire_training.trained import load_grounding, load_retrieval, load_visual

PIECE = 100_000


@pytest.mark.parametrize("half", [False, True])
def test_a_run_from_pieces_is_the_run_as_export_reads_it(half, tmp_path):
    run = write_run(tmp_path / "run")
    optimizer = run / "stage2" / "step-00000004" / "optimizer.safetensors"
    optimizer.write_bytes(b"large")
    pieces = write_pieces(pack(run, half=half), tmp_path / "pieces", PIECE)
    assert len(pieces) > 1
    assert all(piece.stat().st_size <= PIECE for piece in pieces)
    home = tmp_path / "home"
    joined = io.BytesIO(b"".join(piece.read_bytes() for piece in pieces))
    with tarfile.open(fileobj=joined) as archive:
        archive.extractall(home, filter="data")
    assert not list(home.rglob("optimizer.safetensors"))
    described = [describe_training("relational", "smoke", folder) for folder in (run, home)]
    assert described[0] == described[1]
    for load in (lambda folder: load_visual(folder, "stage3"), load_retrieval):
        there, here = (load(folder).state_dict() for folder in (run, home))
        assert all(torch.allclose(here[name], value, atol=1e-3) for name, value in there.items())
    assert load_grounding(home)[0].predicates == load_grounding(run)[0].predicates


def test_a_stage_that_is_not_finished_stays_where_it_is(tmp_path):
    run = write_run(tmp_path / "run")
    for stage in ("stage3", "stage4"):
        mark_unfinished(run / stage)
    assert not [name for name in names(pack(run, half=False)) if name.startswith(("stage3", "stage4"))]


def test_weights_of_a_pass_come_along_until_stage_2_is_finished(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "stage2").rename(run / "first-pass")
    for later in ("stage3", "stage4"):
        shutil.rmtree(run / later)
    weights = "first-pass/step-00000004/language.safetensors"
    assert weights in names(pack(run, half=False))
    shutil.copytree(run / "first-pass", run / "stage2")
    packed = names(pack(run, half=False))
    assert weights not in packed
    assert "first-pass/config.json" in packed


def names(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return archive.getnames()


def test_only_large_tensors_lose_precision():
    assert to_half(torch.zeros(SMALL + 1)).dtype == torch.float16
    assert to_half(torch.zeros(SMALL)).dtype == torch.float32
    assert to_half(torch.zeros(SMALL + 1, dtype=torch.int64)).dtype == torch.int64


def test_a_folder_without_checkpoints_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds none of stage1, .* finished"):
        pack(tmp_path, half=False)
