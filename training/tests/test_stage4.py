"""Stage 4: pooled heads, states of the frozen streams, and the training that stands on both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from groundwire_training.config import STAGE2_PRESETS, load_config, save_config
from groundwire_training.data import CaptionedSplit
from groundwire_training.features import FeatureCache
from groundwire_training.frozen_states import FrozenStates, cache_states
from groundwire_training.records import RecordLog
from groundwire_training.retrieval import PooledHead, Retrieval
from groundwire_training.stage4 import Stage4
from groundwire_training.stage4_config import STAGE4_PRESETS, Stage4Config
from groundwire_training.train_loop import train
from groundwire_training.two_stream import SharedHeads, Texts

WIDTH = 16
CONFIG = replace(STAGE4_PRESETS["smoke"], pooling_heads=4, dropout=0.0)


def loop_pool(head: PooledHead, states: torch.Tensor) -> torch.Tensor:
    """The mean over one row's states, one state at a time."""
    total = torch.zeros(WIDTH)
    for state in states:
        total += head.out(torch.relu(head.hidden(head.projection(state))))
    return total / len(states)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_a_row_is_the_mean_over_its_real_states_and_padding_counts_for_nothing(pooling):
    torch.manual_seed(0)
    head = PooledHead(nn.Linear(WIDTH, WIDTH), replace(CONFIG, pooling=pooling))
    states = torch.randn(2, 5, WIDTH)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    pooled = head(states, mask)
    torch.testing.assert_close(pooled[0], loop_pool(head, states[0]))
    torch.testing.assert_close(pooled[1], loop_pool(head, states[1, :2]))


def test_attention_weighs_each_heads_share_of_the_width_by_its_own_scores():
    torch.manual_seed(1)
    head = PooledHead(nn.Linear(WIDTH, WIDTH), replace(CONFIG, pooling="attention"))
    nn.init.normal_(head.weigh.weight)
    states = torch.randn(1, 3, WIDTH)
    hidden = torch.relu(head.hidden(head.projection(states[0])))
    out, scores = head.out(hidden), head.weigh(hidden)
    expected = []
    for part in range(4):
        weights = scores[:, part].exp() / scores[:, part].exp().sum()
        expected.append(sum(w * row[4 * part : 4 * part + 4] for w, row in zip(weights, out, strict=True)))
    pooled = head(states, torch.ones(1, 3))[0]
    torch.testing.assert_close(pooled, torch.cat(expected))


def test_the_projection_of_stage_3_stays_as_it_was():
    projection = nn.Linear(WIDTH, WIDTH)
    head = PooledHead(projection, CONFIG)
    assert not any(p.requires_grad for p in head.projection.parameters())
    torch.testing.assert_close(head.projection.weight, projection.weight)


def test_an_unknown_pooling_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="pooling: must be one of mean, attention, got 'max'"):
        PooledHead(nn.Linear(WIDTH, WIDTH), replace(CONFIG, pooling="max"))


def toy_states(photos: int, seed: int) -> FrozenStates:
    """Photo and captions carry the same random code, in other bases: only a trained head brings them together."""
    random = np.random.default_rng(seed)
    bases = np.random.default_rng(99).normal(size=(2, 6, WIDTH))
    codes = random.normal(size=(photos, 6))
    lengths = random.integers(3, 6, size=2 * photos)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.concatenate([np.tile(codes[c // 2] @ bases[0], (lengths[c], 1)) for c in range(2 * photos)])
    grids = np.tile((codes @ bases[1])[:, None, None], (1, 2, 4, 1))
    noise = 0.1 * random.normal(size=grids.shape)
    return FrozenStates(
        grids=(grids + noise).astype(np.float16),
        alone=random.normal(size=(photos, 2, WIDTH)).astype(np.float16),
        tokens=tokens.astype(np.float16),
        starts=starts,
        first=np.arange(0, 2 * photos + 1, 2),
    )


def toy_stage(config: Stage4Config) -> Stage4:
    torch.manual_seed(config.seed)
    match = SharedHeads(WIDTH, STAGE2_PRESETS["smoke"])
    model = Retrieval(nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), match, config)
    return Stage4(config, model, {"train": toy_states(64, 0), "val": toy_states(32, 1)})


def test_training_brings_photos_and_their_captions_together(tmp_path):
    stage = toy_stage(replace(CONFIG, epochs=12, batch_size=32, matchmap_rows=16, learning_rate=5e-3))
    before = {name: p.detach().clone() for name, p in stage.model.match.named_parameters()}
    state = train(stage, tmp_path / "stage4", description="stage4")
    assert state["history"][0]["selection"] < 0.8
    assert state["best"] > 0.95
    # The matchmap's heads are refitted beside it.
    moved = [not torch.equal(p, before[name]) for name, p in stage.model.match.named_parameters()]
    assert all(moved)


def test_the_paper_preset_trains_the_retrieval_heads_alone():
    stage = toy_stage(replace(STAGE4_PRESETS["paper"], batch_size=8))
    learnable = {name for name, p in stage.model.named_parameters() if p.requires_grad}
    sides = {
        f"{side}.{layer}.{kind}"
        for side in ("text", "photo")
        for layer in ("hidden", "out")
        for kind in ("weight", "bias")
    }
    assert learnable == sides
    assert stage.model.sigma().item() == pytest.approx(0.1)


def test_every_caption_of_a_photo_is_drawn_in_some_epoch():
    stage = toy_stage(CONFIG)
    lengths = np.diff(stage.states["train"].starts)
    order_of_epoch = [stage.batch(epoch, 0, 0, 0, 1) for epoch in range(6)]
    assert all(int(batch.mask_bt.sum(1).max()) <= lengths.max() for batch in order_of_epoch)
    drawn = {tuple(batch.mask_bt.sum(1).tolist()) for batch in order_of_epoch}
    assert len(drawn) > 1


def captioned() -> tuple[CaptionedSplit, FeatureCache]:
    log = RecordLog(path=Path("captions.json"))
    captions = [["a", "bb c"], ["ddd"]]
    split = CaptionedSplit(files=["x.jpg", "y.jpg"], captions=captions, sources=[], log=log)
    grids = np.random.default_rng(0).normal(size=(2, 2, 4, 8)).astype(np.float16)
    # The cache holds the photos in another order than the captions.
    return split, FeatureCache(["y.jpg", "x.jpg"], grids)


def test_states_are_read_back_as_the_streams_gave_them_and_computed_once(tmp_path):
    split, cache = captioned()
    calls = []

    def encode(captions):
        lengths = [len(caption) + 2 for caption in captions]
        ids = torch.zeros(len(captions), max(lengths), dtype=torch.long)
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        return Texts(ids + torch.arange(len(captions))[:, None], mask)

    def read(texts):
        calls.append(len(texts.ids))
        return texts.ids.unsqueeze(-1).float() + torch.arange(texts.ids.shape[1]).view(1, -1, 1) / 8

    def states(fingerprint):
        return cache_states(
            split,
            cache,
            stem=tmp_path / "states" / "train",
            fingerprint=fingerprint,
            encode=encode,
            see=lambda grid: (grid * 2, grid * 3),
            read=read,
        )

    found = states("one")
    tokens, mask = found.read_tokens([2, 0])
    assert mask.sum(1).tolist() == [5, 3]
    assert tokens[1, :, 0].tolist() == [0, 0.125, 0.25, 0, 0]
    grid, alone = found.read_photos(np.array([0]), np.array([1]))
    np.testing.assert_allclose(grid[0], cache.grids[1, 1] * 2)
    np.testing.assert_allclose(alone[0], cache.grids[1, 1].astype(np.float32).mean(0) * 3, atol=2e-3)
    assert [found.captions_of(photo) for photo in (0, 1)] == [2, 1]
    states("one")
    assert len(calls) == 1
    states("two")
    assert len(calls) == 2


def test_a_saved_configuration_is_read_back_whole(tmp_path):
    save_config(STAGE4_PRESETS["compact"], tmp_path / "config.json")
    assert load_config(Stage4Config, tmp_path / "config.json") == STAGE4_PRESETS["compact"]
