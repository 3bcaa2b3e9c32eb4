"""Files that several processes write: whose they are, when they are whole, and who waits for whom."""

from __future__ import annotations

import threading
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_data import tiny_tokenizer

from groundwire_training import checkpoint, distributed, own_files, relation_refinement
from groundwire_training.caption_parser import save_parser
from groundwire_training.config import load_config, save_config
from groundwire_training.distributed import from_main_process
from groundwire_training.own_files import own_stem
from groundwire_training.relation_refinement import finish, last_file
from groundwire_training.stage4_config import STAGE4_PRESETS, Stage4Config


def beside(stem: Path, ending: str) -> Path:
    return stem.with_name(f"{stem.name}.{ending}")


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    stem = tmp_path / "states" / "train"
    with own_stem(stem) as living:
        beside(living, "grids.npy").write_text("half")
        killed = beside(stem, "0123456789ab.partial")
        for ending in ("lock", "grids.npy"):
            beside(killed, ending).write_text("")
        beside(stem, "grids.npy").write_text("whole")
        with own_stem(stem) as own:
            assert own != living
            beside(own, "grids.npy").write_text("new")
            beside(own, "grids.npy").replace(beside(stem, "grids.npy"))
            beside(own, "tokens.npy").write_text("not renamed")
        assert beside(living, "grids.npy").read_text() == "half"
        assert not beside(killed, "grids.npy").exists()
    assert {path.name: path.read_text() for path in stem.parent.iterdir()} == {"train.grids.npy": "new"}


def test_where_there_are_no_locks_files_are_written_and_none_is_removed(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(own_files.fcntl, "flock", refuse)
    left = [beside(tmp_path / "train", f"0123456789ab.partial.{ending}") for ending in ("lock", "npy")]
    for path in left:
        path.touch()
    with own_stem(tmp_path / "train") as own:
        beside(own, "npy").touch()
    assert sorted(tmp_path.iterdir()) == sorted(left)


@pytest.fixture
def second_process(monkeypatch):
    """This process is one that the main process works for."""
    for module in (distributed, relation_refinement):
        monkeypatch.setattr(module, "join_processes", lambda: Namespace(is_main_process=False))
    monkeypatch.setattr(distributed, "POLL_SECONDS", 0.01)


def test_other_processes_look_until_the_main_process_has_made_it(second_process):
    answers = iter([None, None, "made"])
    assert from_main_process(lambda: next(answers), lambda: pytest.fail("made twice")) == "made"


def test_other_processes_wait_for_the_end_of_stage_three(second_process, tmp_path):
    folder = tmp_path / "stage3"
    waiting = threading.Thread(target=finish, args=(None, folder, None))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    last_file(folder).parent.mkdir(parents=True)
    last_file(folder).touch()
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_parser_whose_saving_was_killed_is_not_taken_for_trained(tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    class Tokenizer:
        def save(self, path: str) -> None:
            raise Killed

    parser = Namespace(
        state_dict=dict, bert=Namespace(config=Namespace(to_dict=dict)), labels=[], spellings={}
    )
    with pytest.raises(Killed):
        save_parser(parser, Tokenizer(), tmp_path)
    assert not (tmp_path / "config.json").exists()
    save_parser(parser, tiny_tokenizer(), tmp_path)
    assert (tmp_path / "config.json").is_file()


def test_a_configuration_whose_writing_was_killed_is_the_one_before(tmp_path, monkeypatch):
    path, config = tmp_path / "config.json", STAGE4_PRESETS["smoke"]
    save_config(config, path)

    def kill(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.os, "fsync", kill)
    with pytest.raises(KeyboardInterrupt):
        save_config(replace(config, seed=9), path)
    assert load_config(Stage4Config, path) == config
