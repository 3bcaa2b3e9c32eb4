from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from evaluation_fixtures import tiny_bert, tiny_tokenizer, write_base, write_bundle, write_norms
from PIL import Image

from groundwire_training import images, photo_search
from groundwire_training.cli import main
from groundwire_training.columns import open_column
from groundwire_training.embedder import CachedEmbedder, batches_by_length, onnx_embedder, torch_embedder
from groundwire_training.evaluate import MEASURES
from groundwire_training.metrics_onnx import evaluate_golden
from groundwire_training.photo_search import embed_test, load_test, read_images, read_pixels
from groundwire_training.report import markdown_table


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Path:
    """Holds `data` (synthetic norms), `bundle` and `base` (the same tiny BERT)."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_norms(folder / "data")
    write_bundle(folder / "bundle")
    write_base(folder / "base")
    return folder


def arguments(workshop: Path, *more: str) -> list[str]:
    paths = ["--data", "data", "--bundle", "bundle", "--base", "base", "--cache", "cache"]
    located = [part if part.startswith("--") else str(workshop / part) for part in paths]
    return ["evaluate", *located, *more]


def test_a_text_alone_has_the_vector_it_has_in_a_padded_batch():
    embed = torch_embedder(tiny_bert(), tiny_tokenizer())
    texts = ["zebra", "the red zebra had an idea of a horse", "striped horse"]
    together = embed(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(embed([text])[0], vector, atol=1e-5)


def test_a_vector_is_the_mean_over_all_tokens_with_the_specials():
    bert, tokenizer = tiny_bert(), tiny_tokenizer()
    embed = torch_embedder(bert, tokenizer)
    ids = np.array([tokenizer.encode("striped horse").ids])
    _, tokens = embed.forward(ids, np.ones_like(ids))
    assert tokens.shape[1] == 4
    np.testing.assert_allclose(embed(["striped horse"])[0], tokens[0].mean(0), atol=1e-6)


def test_batches_hold_every_text_once_and_respect_the_budget():
    lengths = [3, 50, 7, 3, 12, 90, 4]
    batches = batches_by_length(lengths, budget=24)
    assert sorted(i for batch in batches for i in batch) == list(range(7))
    assert all(len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= 24 for batch in batches)


def test_a_blank_text_is_refused_by_position():
    with pytest.raises(ValueError, match=r"texts\[1\]: must hold a visible character, got '  '"):
        torch_embedder(tiny_bert(), tiny_tokenizer())(["zebra", "  "])


def test_the_cache_answers_from_disk_and_forgets_other_weights(tmp_path):
    first = CachedEmbedder(torch_embedder(tiny_bert(0), tiny_tokenizer()), tmp_path)
    second = CachedEmbedder(torch_embedder(tiny_bert(1), tiny_tokenizer()), tmp_path)
    expected = first(["zebra"])
    first.inner = None
    np.testing.assert_array_equal(first(["zebra"]), expected)
    assert np.abs(second(["zebra"]) - expected).max() > 1e-3


def test_the_bundle_equals_pytorch_and_a_changed_golden_vector_shows(workshop, tmp_path):
    bundle = workshop / "bundle"
    embed = onnx_embedder(bundle)
    assert evaluate_golden(embed, bundle)["storedMaxAbsDiff"] < 1e-4
    golden = json.loads((bundle / "golden.json").read_text())
    golden["items"][1]["vector"][5] += 0.5
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    assert evaluate_golden(embed, tmp_path)["storedMaxAbsDiff"] == pytest.approx(0.5, abs=1e-3)


def test_the_command_prints_json_last_and_agrees_for_base_and_shipped(workshop, tmp_path, capsys):
    assert main(arguments(workshop, "--out", str(tmp_path), "--plots")) == 0
    printed = capsys.readouterr().out.strip().splitlines()
    results = json.loads(printed[-1])
    assert list(results) == ["base", "shipped"]
    assert "retrieval" not in results["shipped"]
    assert results["shipped"]["storedMaxAbsDiff"] < 1e-4
    assert results["base"]["simlex"] == pytest.approx(results["shipped"]["simlex"], abs=1e-6)
    assert results["base"]["zebraRank"] == results["shipped"]["zebraRank"]
    assert json.loads((tmp_path / "evaluation.json").read_text()) == results
    assert (tmp_path / "evaluation.md").read_text().startswith("| measure | base | shipped |")
    for name in ("concreteness.png", "silhouettes.png", "property-norms.png"):
        assert Image.open(tmp_path / name).size[0] > 500


def test_the_base_column_reads_a_bert_directory_that_has_its_vocabulary_alone(tmp_path):
    tiny_bert().save_pretrained(tmp_path)
    vocabulary = tiny_tokenizer().get_vocab()
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n")
    column = open_column("base", base=tmp_path, run=None, bundle=None)
    expected = torch_embedder(tiny_bert(), tiny_tokenizer())(["striped horse"])
    np.testing.assert_allclose(column.embed(["striped horse"]), expected, atol=1e-5)


def test_only_the_asked_measures_and_columns_are_computed(workshop, capsys):
    assert main(arguments(workshop, "--columns", "shipped", "--only", "simlex,onnx")) == 0
    results = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert set(results) == {"shipped"}
    assert set(results["shipped"]) == {"simlex", "storedMaxAbsDiff", "onnxMinCosine"}


def test_an_unknown_measure_is_refused_with_the_list_of_known_ones(workshop, capsys):
    with pytest.raises(SystemExit):
        main(arguments(workshop, "--only", "simlex,beauty"))
    message = capsys.readouterr().err
    assert "simlex" in message
    assert "got beauty" in message


def test_a_column_without_its_source_names_the_missing_option(workshop, capsys):
    assert main(arguments(workshop, "--columns", "grounded")) == 1
    assert "grounded needs --run" in capsys.readouterr().err


def test_the_table_leaves_out_unmeasured_rows_and_dashes_missing_cells():
    text = markdown_table({"base": {"simlex": 0.4461}, "shipped": {"simlex": 0.5, "zebraRank": 3}})
    assert "| SimLex-999 Spearman | 0.446 | 0.500 | – |" in text
    assert "| rank of zebra for striped horse | – | 3 |" in text
    assert "CoDa" not in text


def test_a_measure_that_fails_loses_none_that_were_made_before(workshop, tmp_path, monkeypatch, capsys):
    def fail(subject):
        raise ValueError("bird: broken")

    monkeypatch.setitem(MEASURES, "bird", fail)
    only = ["--columns", "base", "--only", "simlex,bird", "--out", str(tmp_path)]
    assert main(arguments(workshop, *only)) == 1
    assert "bird: broken" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "evaluation.json").read_text())["base"]) == ["simlex"]
    assert "SimLex-999" in (tmp_path / "evaluation.md").read_text()


class Mean:
    """Embeds a photo as its brightness, over and over."""

    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [inputs["image"].mean((1, 2, 3))[:, None].repeat(2, 1)]


def write_test_photos(folder: Path, shards: int, count: int, broken: int | None) -> None:
    """Photo i has brightness i; the first one has six captions and the others five, in another order than the tars'."""
    folder.mkdir(parents=True)
    for shard in range(shards):
        with tarfile.open(folder / f"images_test_{shard}.tar", "w") as archive:
            for i in range(shard, count, shards):
                path = folder / f"{i}.png"
                Image.new("RGB", (8, 8), (i, i, i)).save(path)
                if i == broken:
                    path.write_bytes(b"no photo")
                archive.add(path, f"images/{i}.png")
                path.unlink()
    images = [{"id": i, "file_name": f"{i}.png"} for i in reversed(range(count))]
    notes = [{"id": 9 * i + k, "image_id": i, "caption": f"{i} {k}"} for i in range(count) for k in range(5)]
    notes.append({"id": 10**6, "image_id": count - 1, "caption": "one more"})
    (folder / "captions_test.json").write_text(json.dumps({"images": images, "annotations": notes}))


def embed_brightness(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text(json.dumps({"fingerprint": "f"}))
    monkeypatch.setattr(photo_search, "onnx_session", lambda bundle, name: Mean())
    monkeypatch.setattr(
        photo_search,
        "embed_captions",
        lambda bundle, captions: np.array([[float(text.split()[0])] for text in captions]),
    )
    return embed_test(tmp_path, load_test(tmp_path), tmp_path / "cache")


def test_retrieval_reads_shards_and_takes_as_many_captions_of_each_photo(tmp_path, monkeypatch):
    write_test_photos(tmp_path / "flickr8k", shards=3, count=7, broken=None)
    photos, images, captions = embed_brightness(tmp_path, monkeypatch)
    assert photos.files == [f"{i}.png" for i in reversed(range(7))]
    assert len(photos.captions) == 7 * 5
    np.testing.assert_allclose(images[:, 0] * 128 + 128, range(6, -1, -1), atol=1e-3)
    np.testing.assert_array_equal(captions[:, 0], np.repeat(range(6, -1, -1), 5))
    assert read_pixels(photos, {"3.png"})["3.png"].max() == 3


def test_retrieval_leaves_out_a_photo_that_cannot_be_read_with_its_captions(tmp_path, monkeypatch, capsys):
    write_test_photos(tmp_path / "flickr8k", shards=1, count=120, broken=5)
    photos, images, captions = embed_brightness(tmp_path, monkeypatch)
    assert len(photos.files) == len(images) == 119
    assert "5.png" not in photos.files
    assert 5 not in captions
    assert len(captions) == len(photos.captions) == 119 * 5
    assert "could not read 5.png" in capsys.readouterr().err
    assert embed_brightness(tmp_path, monkeypatch)[0] == photos


def test_photos_are_embedded_anew_when_they_have_changed_or_could_not_be_read(tmp_path, monkeypatch):
    folder = tmp_path / "flickr8k"
    write_test_photos(folder, shards=1, count=120, broken=None)
    decode = images.decode_photo

    def interrupted(content: bytes, size: int) -> np.ndarray:
        pixels = decode(content, size)
        if pixels.max() == 5:
            raise OSError("the disk is away")
        return pixels

    with monkeypatch.context() as patched:
        patched.setattr(images, "decode_photo", interrupted)
        assert "5.png" not in embed_brightness(tmp_path, monkeypatch)[0].files
    assert "5.png" in embed_brightness(tmp_path, monkeypatch)[0].files
    with tarfile.open(folder / "images_test_0.tar", "w") as archive:
        for i in range(120):
            Image.new("RGB", (8, 8), (100, 100, 100)).save(tmp_path / "photo.png")
            archive.add(tmp_path / "photo.png", f"images/{i}.png")
    np.testing.assert_allclose(embed_brightness(tmp_path, monkeypatch)[1] * 128 + 128, 100, atol=1e-3)


def test_embedded_photos_are_kept_until_then(tmp_path, monkeypatch):
    write_test_photos(tmp_path / "flickr8k", shards=2, count=6, broken=None)
    first = embed_brightness(tmp_path, monkeypatch)
    monkeypatch.setattr(photo_search, "embed_photos", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(embed_brightness(tmp_path, monkeypatch)[1], first[1])


def test_photos_come_scaled_for_the_trunk(tmp_path):
    folder = tmp_path / "flickr8k"
    (folder / "images").mkdir(parents=True)
    for name, level in (("b.png", 0), ("a.png", 255)):
        Image.new("RGB", (64, 48), (level, level, level)).save(folder / "images" / name)
    with tarfile.open(folder / "images_test.tar", "w") as archive:
        archive.add(folder / "images", "images")
    images = [{"id": 2, "file_name": "b.png"}, {"id": 1, "file_name": "a.png"}]
    notes = [{"image_id": i, "caption": f"{i} {k}"} for i in (1, 2) for k in range(5)]
    document = {"images": images, "annotations": notes}
    (folder / "captions_test.json").write_text(json.dumps(document))
    photos = load_test(tmp_path)
    found = dict(read_images(photos))
    dark, light = (found[file] for file in photos.files)
    assert photos.captions[:2] == ["2 0", "2 1"]
    assert dark.shape == (3, 224, 224)
    assert (float(dark.mean()), float(light.mean())) == (-1.0, pytest.approx(127 / 128))
