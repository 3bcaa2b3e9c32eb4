"""Published weights load by path, strictly; without weights a run starts from random ones and says so."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_data import SPECIALS, WORDS, tiny_bert, tiny_tokenizer, write_tiny_bert
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2Model

from groundwire_training.classifier import ClassifierHead
from groundwire_training.language_stream import encode_texts, freeze_language, load_bert, train_language
from groundwire_training.trunk import GRIDS, Vgg16, load_tail, load_trunk, make_tail

# Numbers of the layers that hold weights in the published file, and their channels.
VGG_CONVOLUTIONS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 17: 512, 19: 512, 21: 512}
VGG_CONVOLUTIONS |= {24: 512, 26: 512, 28: 512}


def published_layout() -> dict[str, torch.Tensor]:
    """The names and shapes of `vgg16-397923af.pth`, the classifier's matrices cut to their names."""
    state, before = {}, 3
    for layer, channels in VGG_CONVOLUTIONS.items():
        state[f"features.{layer}.weight"] = torch.randn(channels, before, 3, 3)
        state[f"features.{layer}.bias"] = torch.randn(channels)
        before = channels
    for layer in (0, 3, 6):
        state |= {f"classifier.{layer}.weight": torch.zeros(1), f"classifier.{layer}.bias": torch.zeros(1)}
    return state


def test_the_published_vgg16_file_loads_without_its_classifier(tmp_path):
    state = published_layout()
    path = tmp_path / "vgg16-397923af.pth"
    torch.save(state, path)
    trunk = load_trunk("vgg16", path)
    loaded = trunk.state_dict()
    assert {name for name in state if name.startswith("features.")} == set(loaded)
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


def test_a_vgg16_file_that_lacks_a_layer_is_refused_by_name(tmp_path):
    state = published_layout()
    del state["features.28.bias"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(RuntimeError, match=r"features\.28\.bias"):
        load_trunk("vgg16", tmp_path / "cut.pth")


def test_vgg16_gives_196_positions_and_sees_imagenets_statistics():
    trunk = Vgg16().eval()
    seen = {}
    trunk.features[0].register_forward_hook(lambda module, inputs, output: seen.update(x=inputs[0]))
    with torch.inference_mode():
        grid = trunk(torch.full((1, 3, 224, 224), (0.485 * 255 - 128) / 128))
    assert grid.shape == (1, 196, 512)
    assert seen["x"][0, 0].abs().max() < 1e-5


def test_a_trunk_without_weights_says_so_and_is_the_same_every_time(caplog):
    with caplog.at_level(logging.WARNING):
        torch.manual_seed(1)
        first = load_trunk("mobilenet_v2", None)
        torch.manual_seed(2)
        second = load_trunk("mobilenet_v2", None)
    assert "starts from random ones" in caplog.text
    assert first.eval()(torch.randn(1, 3, 224, 224)).std() > 0.01
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["mobilenet_v2_tuned", "mobilenet_v2_learned"])
def test_a_trunk_and_the_tail_that_it_leaves_start_as_the_whole_trunk(name, tmp_path):
    model = MobileNetV2Model(MobileNetV2Config(tf_padding=True))
    config = {"model_type": "mobilenet_v2", "tf_padding": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({f"mobilenet_v2.{k}": v for k, v in model.state_dict().items()}, tmp_path / "model.safetensors")
    tail = make_tail(name)
    load_tail(tail, name, tmp_path)
    tail.train()
    assert not any(m.training for m in tail.modules() if isinstance(m, nn.BatchNorm2d)), "statistics stay"
    body, whole = (load_trunk(trunk, tmp_path).eval() for trunk in (name, "mobilenet_v2"))
    image = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.no_grad():
        grid = body(image)
        assert grid.shape == (2, GRIDS[name].positions, GRIDS[name].channels)
        assert torch.allclose(tail.eval()(grid), whole(image), atol=1e-5)
    assert make_tail("mobilenet_v2") is None


def test_an_unknown_trunk_is_refused_with_the_list_of_known_ones():
    known = "vgg16, mobilenet_v2, mobilenet_v2_14, mobilenet_v2_tuned, mobilenet_v2_learned"
    with pytest.raises(ValueError, match=f"must be one of {known}, got 'resnet'"):
        load_trunk("resnet", None)


def test_a_bert_directory_loads_with_its_tokenizer(tmp_path):
    expected = tiny_bert().state_dict()
    model, tokenizer = load_bert(write_tiny_bert(tmp_path))
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    ids, mask = encode_texts(tokenizer, ["the brown dog", "dog"], 8)
    assert ids.shape == (2, 5)
    assert mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


def test_a_bert_directory_of_the_older_layout_loads_too(tmp_path):
    """`vocab.txt` and `pytorch_model.bin`, names under `bert.`, a head that is not wanted."""
    bert = tiny_bert()
    bert.config.save_pretrained(tmp_path)
    state = {f"bert.{name}": value for name, value in bert.state_dict().items()}
    torch.save({**state, "cls.predictions.bias": torch.zeros(3)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIALS, *WORDS]) + "\n", encoding="utf-8")
    model, tokenizer = load_bert(tmp_path)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in bert.state_dict().items())
    assert tokenizer.encode("The brown DOG").ids == tiny_tokenizer().encode("The brown DOG").ids


def test_a_bert_that_lacks_a_weight_is_refused_by_name(tmp_path):
    from safetensors.torch import save_file

    write_tiny_bert(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["encoder.layer.1.output.dense.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        load_bert(tmp_path)


def test_a_bert_directory_without_weights_starts_from_random_ones_and_says_so(tmp_path, caplog):
    write_tiny_bert(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with caplog.at_level(logging.WARNING):
        model, _ = load_bert(tmp_path)
    assert "starts from random weights" in caplog.text
    assert model.config.hidden_size == json.loads((tmp_path / "config.json").read_text())["hidden_size"]


def test_a_folder_that_is_no_bert_names_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
        load_bert(tmp_path)


@pytest.mark.parametrize("side", [7, 14])
def test_the_classifier_pools_fine_grids_and_takes_coarse_ones_as_they_are(side):
    head = ClassifierHead(side=side, width=4, hidden=8, classes=3, dropout=0.0)
    seen = {}
    head.layers[0].register_forward_hook(lambda module, inputs, output: seen.update(x=inputs[0]))
    grid = torch.randn(2, side * side, 4)
    assert head(grid).shape == (2, 3)
    # Channel 1 at row 3, column 5 of the 7 x 7 grid is the largest of the positions that it stands for.
    cell = side // 7
    block = grid[0, :, 1].view(side, side)[3 * cell : 4 * cell, 5 * cell : 6 * cell]
    assert seen["x"][0].view(4, 7, 7)[1, 3, 5] == block.max()


def test_the_classifier_refuses_other_grids():
    with pytest.raises(ValueError, match="7 or 14 positions a side for the classifier, got 10"):
        ClassifierHead(side=10, width=4, hidden=8, classes=3, dropout=0.0)


def test_frozen_layers_stay_in_evaluation_mode_while_the_others_learn():
    model = tiny_bert()
    freeze_language(model, top_layers=1)
    train_language(model)
    assert not any(module.training for module in model.embeddings.modules())
    assert [layer.attention.self.training for layer in model.encoder.layer] == [False, True]


def test_threads_share_a_tokenizer_and_each_cuts_at_its_own_limit():
    tokenizer, texts = tiny_tokenizer(), ["the brown dog near a red ball"] * 200

    def lengths(limit: int) -> set[int]:
        return {encode_texts(tokenizer, texts, limit)[0].shape[1] for _ in range(50)}

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(lengths, limit) for limit in (4, 8)]
        assert [future.result() for future in found] == [{4}, {8}]
