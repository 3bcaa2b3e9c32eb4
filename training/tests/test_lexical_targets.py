"""WordNet features and the targets made from them, on a WordNet of a dozen senses."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from stage_runs import free_port

from groundwire_training import lexical_targets as module
from groundwire_training.distributed import join_processes
from groundwire_training.lexical_targets import blend, known_part, lexical_targets
from groundwire_training.property_tables import load_table, split_table
from groundwire_training.wordnet import WordNet

# offset, lexicographer file, word, parents
NOUNS = [
    (1, 3, "entity", []), (2, 5, "animal", [1]), (3, 6, "tool", [1]), (4, 5, "dog", [2]),
    (5, 5, "cat", [2]), (6, 6, "hammer", [3]), (7, 5, "puppy", [4]),
]  # fmt: skip


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    folder = tmp_path / "dict"
    folder.mkdir()
    lines = ["  1 the licence stands on top, behind spaces"]
    for offset, file_number, word, parents in NOUNS:
        pointers = "".join(f" @ {parent:08d} n 0000" for parent in parents)
        lines.append(f"{offset:08d} {file_number:02d} n 01 {word} 0 {len(parents):03d}{pointers} | gloss")
    (folder / "data.noun").write_text("\n".join(lines) + "\n")
    (folder / "data.verb").write_text("00000100 38 v 01 dog 0 000 00 | follow\n")
    (folder / "data.adj").write_text(
        "00000200 00 a 01 tame 0 001 & 00000201 a 0000 | gloss\n"
        "00000201 00 s 01 docile 0 001 & 00000200 a 0000 | gloss\n"
    )
    senses = [f"{word}%1:05:00:: {offset:08d} 1 9" for offset, _, word, _ in NOUNS]
    senses += [
        "dog%2:38:00:: 00000100 1 0",
        "tame%3:00:00:: 00000200 1 3",
        "docile%5:00:00:tame:00 00000201 1 1",
    ]
    (folder / "index.sense").write_text("\n".join(senses) + "\n")
    return WordNet(tmp_path)


def test_likeness_follows_the_taxonomy(wordnet: WordNet):
    rows = wordnet.features(["dog", "puppy", "cat", "hammer", "nowhere"])
    likeness = (rows @ rows.T).toarray()
    assert np.allclose(np.diag(likeness)[:4], 1)
    assert likeness[0, 1] > likeness[0, 2] > likeness[0, 3]
    assert not likeness[4].any()


def test_a_satellite_adjective_hangs_from_its_head_and_not_the_other_way_round(wordnet: WordNet):
    assert wordnet.ancestors(("adj", 201)) == {("adj", 201), ("adj", 200)}
    assert wordnet.ancestors(("adj", 200)) == {("adj", 200)}


def test_the_sense_that_is_meant_most_weighs_most(wordnet: WordNet):
    features = wordnet.word_features("dog")
    assert features[wordnet.columns["noun", 4]] > features[wordnet.columns["verb", 100]] > 0


def test_a_missing_wordnet_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="--wordnet"):
        WordNet(tmp_path / "nowhere")


def test_products_of_targets_are_the_blend_of_both_likenesses(wordnet: WordNet):
    words = ["dog", "puppy", "cat", "hammer"]
    teacher = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0][:4].astype(np.float32)
    teacher[1] = 0.6 * teacher[0] + 0.8 * teacher[1]
    features = wordnet.features(words)
    targets = blend(teacher, features, 0.3)
    expected = 0.7 * teacher @ teacher.T + 0.3 * (features @ features.T).toarray()
    assert np.allclose(targets @ targets.T, expected, atol=1e-5)


def test_targets_are_unit_vectors_and_are_kept_on_disk(wordnet: WordNet, tmp_path: Path):
    words = ["dog", "brown dog", "hammer", "zzz"]
    teacher = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    first = lexical_targets(words, teacher, wordnet, share=0.5, folder=tmp_path)
    assert torch.allclose(first.norm(dim=1), torch.ones(4), atol=1e-5)
    assert len(list(tmp_path.glob("targets-*.safetensors"))) == 1
    assert torch.equal(first, lexical_targets(words, teacher, wordnet, share=0.5, folder=tmp_path))


def compute_as_rank(rank: int, port: int, folder: Path) -> None:
    places = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": 2,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    os.environ |= {name: str(value) for name, value in places.items()}
    join_processes()

    def blend_and_tell(*arguments) -> np.ndarray:
        (folder / f"computed-by-{rank}").touch()
        return blend(*arguments)

    module.blend = blend_and_tell
    teacher = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    found = lexical_targets(["dog", "cat"], teacher, WordNet(folder), share=0.5, folder=folder)
    assert found.shape == (2, 16)
    torch.distributed.destroy_process_group()


def test_one_of_several_processes_computes_the_targets_and_the_others_read_them(wordnet, tmp_path):
    context, port = multiprocessing.get_context("spawn"), free_port()
    ranks = [context.Process(target=compute_as_rank, args=(rank, port, tmp_path)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0]
    assert [path.name for path in tmp_path.glob("computed-by-*")] == ["computed-by-0"]


def test_a_phrase_that_wordnet_lacks_is_what_its_last_word_is(wordnet: WordNet):
    assert known_part("brown dog", wordnet) == "dog"
    assert known_part("dog", wordnet) == "dog"


def test_property_tables_are_shares_with_every_tenth_object_held_out(tmp_path: Path):
    rows = "\n".join(f"thing{'abcdefghijklmnopqrst'[i]}\t{i + 5}\t5" for i in range(20))
    path = tmp_path / "color.tsv"
    path.write_text(f"object\tred\tblue\n{rows}\nrare\t1\t0\n3\t9\t9\n")
    table = load_table(path)
    assert len(table.objects) == 20 and np.allclose(table.shares.sum(1), 1)
    assert table.phrases(0) == ["red thinga", "blue thinga"]
    training, validation = split_table(table)
    assert sorted(training.objects + validation.objects) == sorted(table.objects)
    assert 0 < len(validation.objects) < len(training.objects)
