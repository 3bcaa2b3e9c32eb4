"""What is said of things: tables, one step's share of them, and that the warm-up learns it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_fixtures import tiny_bert, tiny_tokenizer

from groundwire_training.config import LEXICAL_PRESETS
from groundwire_training.lexical import Lexical
from groundwire_training.properties import PropertyTable, load_table, split_table
from groundwire_training.property_batches import draw_properties, property_loss
from groundwire_training.two_stream import Texts

WORDS = ["horse", "zebra", "bara", "doti"]
COLORS = ["brown", "striped", "red"]
# Brown is said of everything most; what sets each thing apart is the other color.
SHARES = np.array([[0.8, 0.1, 0.1], [0.5, 0.5, 0.0], [0.6, 0.1, 0.3], [0.9, 0.05, 0.05]])
TABLE = PropertyTable(WORDS, COLORS, SHARES, np.full(4, 100.0))


def test_tables_are_shares_with_every_tenth_object_held_out(tmp_path: Path):
    rows = "\n".join(f"thing{'abcdefghijklmnopqrst'[i]}\t{i + 5}\t5" for i in range(20))
    path = tmp_path / "color.tsv"
    path.write_text(f"object\tred\tblue\n{rows}\nrare\t1\t0\n3\t9\t9\n")
    table = load_table(path)
    assert len(table.objects) == 20 and np.allclose(table.shares.sum(1), 1)
    assert table.phrases(0) == ["red thinga", "blue thinga"]
    training, validation = split_table(table)
    assert sorted(training.objects + validation.objects) == sorted(table.objects)
    assert 0 < len(validation.objects) < len(training.objects)


def test_the_prior_is_each_values_share_of_all_that_was_said():
    table = PropertyTable(["a", "b"], ["x", "y"], np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([4.0, 12.0]))
    assert np.allclose(np.exp(table.log_prior), np.array([8, 10]) / 18)  # one more of each than was said


def draw(rank: int, world: int):
    numbered: list[str] = []

    def encode(texts: list[str], rows: slice) -> Texts:
        numbered[:] = texts
        ids = torch.arange(len(texts)).unsqueeze(1)[rows]
        return Texts(ids, torch.ones_like(ids))

    batch = draw_properties({"color": TABLE}, 4, np.random.default_rng(0), encode, rank, world)
    assert batch is not None
    return batch, numbered


def test_ranks_share_one_steps_objects():
    (whole, texts), parts = draw(0, 1), [draw(rank, 2)[0] for rank in range(2)]
    assert torch.equal(whole.texts.ids, torch.cat([part.texts.ids for part in parts]))
    assert all(torch.equal(whole.shares_ov, part.shares_ov) for part in parts)
    first = TABLE.objects.index(texts[0])
    assert texts[1:4] == TABLE.phrases(first)
    assert torch.allclose(whole.shares_ov[0], torch.from_numpy(SHARES[first]).float())


def test_without_a_table_there_is_nothing_to_learn():
    assert draw_properties({}, 4, np.random.default_rng(0), lambda texts, rows: pytest.fail(), 0, 1) is None


def test_versions_follow_their_object():
    batch, _ = draw(0, 1)
    flat = torch.zeros(16, 2)
    flat[:, 0] = 1
    # All versions are alike: what is foretold is the prior.
    expected = -(batch.shares_ov * batch.log_prior_v).sum(1).mean()
    assert torch.allclose(property_loss(flat, batch, 0.05), expected)


def test_the_warm_up_learns_what_sets_things_apart():
    config = replace(
        LEXICAL_PRESETS["compact"],
        batch_size=4,
        top_layers=1,
        property_weight=1.0,
        property_objects=4,
        bf16=False,
    )
    bert = tiny_bert()
    targets = torch.nn.functional.normalize(torch.randn(4, bert.config.hidden_size), dim=1)
    lexical = Lexical(config, bert, tiny_tokenizer(), WORDS, targets, {"color": TABLE}, lambda embed: {})
    optimizer = torch.optim.Adam(lexical.parameter_groups())
    for step in range(150):
        batch = lexical.batch(0, step, 0, 0, 1)
        loss, figures = lexical.loss(lexical.model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert set(figures) == {"words", "properties"}
    assert nearest_version(lexical, "zebra") == "striped" and nearest_version(lexical, "bara") == "red"


@torch.no_grad()
def nearest_version(lexical: Lexical, name: str) -> str:
    plain, *colored = lexical.embed([name, *(f"{color} {name}" for color in COLORS)])
    return COLORS[int(torch.stack([torch.cosine_similarity(plain, c, dim=0) for c in colored]).argmax())]
