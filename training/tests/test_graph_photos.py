"""The photos of stage 3: captioned ones that could be read, or Visual Genome's with their splits and their cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_data import (
    jpeg,
    write_captioned_with_broken,
    write_tar,
    write_tiny_bert,
    write_tiny_data,
    write_visual_genome,
    write_words,
)

from groundwire_training.checkpoint import is_finished
from groundwire_training.cli import main
from groundwire_training.data import load_split
from groundwire_training.graph_photos import load_graphs
from groundwire_training.prepare import read_photos, write_photos
from groundwire_training.scene_graph import SceneGraph
from groundwire_training.visual_genome import photo_sources, split_images

TESTED = range(12)  # the image ids of the tiny FACTUAL's development and test captions


def captions_graphs(prepared: Path, data: Path, splits: tuple[str, ...] = ("train", "val")) -> Path:
    prepared.mkdir()
    for name in splits:
        graphs = [[SceneGraph(("dog",))] for _ in load_split(data, name).files]
        write_photos(
            prepared / f"graphs_{name}.jsonl", zip(load_split(data, name).files, graphs, strict=True)
        )
    return prepared


def load(prepared: Path, data: Path, folder: Path, **options: int):
    return load_graphs(
        prepared, data, folder=folder, trunk="mobilenet_v2_learned", weights=None, views=1, **options
    )


def test_photos_that_could_not_be_read_have_no_graphs_in_stage_three(tmp_path):
    data = write_captioned_with_broken(tmp_path / "data", "train7.jpg")
    prepared = captions_graphs(tmp_path / "prepare", data)
    graphs, caches = load(prepared, data, tmp_path / "features")
    assert list(graphs["train"]) == [f"train{i}.jpg" for i in range(120) if i != 7]
    assert list(graphs["val"]) == load_split(data, "val").files
    caches["train"].rows(list(graphs["train"]))
    few, _ = load(prepared, data, tmp_path / "features", max_photos=5)
    assert len(few["train"]) == 5


def test_graphs_of_other_photos_than_the_data_has_are_an_error(tmp_path):
    data = write_captioned_with_broken(tmp_path / "data", "none")
    prepared = captions_graphs(tmp_path / "prepare", data)
    write_photos(prepared / "graphs_val.jsonl", [("9.jpg", [SceneGraph(("dog",))])])
    with pytest.raises(ValueError, match=r"graphs_val\.jsonl: 1 of 1 records are bad.*record 9\.jpg"):
        load(prepared, data, tmp_path / "features")


def test_visual_genomes_photos_are_found_in_folders_and_tar_files(tmp_path):
    for name in ("VG_100K", "VG_100K_2"):
        (tmp_path / name).mkdir()
    assert [path.name for path in photo_sources(tmp_path)] == ["VG_100K", "VG_100K_2"]
    for shard in ("images_1", "images_0"):
        write_tar(tmp_path / f"{shard}.tar", {"VG_100K/1.jpg": jpeg(np.random.default_rng(0))})
    assert [path.name for path in photo_sources(tmp_path)] == ["images_0.tar", "images_1.tar"]
    with pytest.raises(FileNotFoundError, match=r"holds no images\*\.tar, images\*/, VG_100K/ or VG_100K_2/"):
        photo_sources(tmp_path / "VG_100K")


def test_images_are_held_out_alike_whatever_their_order():
    images = [str(i) for i in range(500)]
    splits = split_images(images)
    assert [len(splits[name]) for name in ("train", "val")] == [490, 10]
    assert {*splits["train"], *splits["val"]} == set(images)
    assert split_images(images[::-1]) == splits
    assert splits["val"] != sorted(images)[:10]


def test_stage_three_learns_from_visual_genomes_own_photos(tmp_path):
    data, run = write_tiny_data(tmp_path / "data"), tmp_path / "run"
    images = range(8, 28)
    write_visual_genome(data / "visual_genome", images)
    common = ["--preset", "smoke", "--data", str(data), "--run", str(run), "--threads", "1"]
    bert = ["--bert", str(write_tiny_bert(tmp_path / "bert"))]
    words = ["--words", str(write_words(tmp_path / "words.txt"))]
    assert main(["prepare", *common, *bert]) == 0
    report = json.loads((run / "prepare" / "report.json").read_text())
    assert report["photos"] == {"leftOut": 4, "leftOutCaptioned": 0, "train": 15, "val": 1}
    graphs = {name: read_photos(run / "prepare" / f"graphs_{name}.jsonl") for name in ("train", "val")}
    files = [file for found in graphs.values() for file in found]
    assert sorted(files) == sorted(f"{image}.jpg" for image in images if image not in TESTED)
    assert main(["stage2", *common, *bert, *words]) == 0
    assert main(["stage3", *common, *words, "--set", "batch_size=4"]) == 0
    assert is_finished(run / "stage3")
    cached = json.loads((run / "features" / "visual-genome-64-mobilenet_v2.json").read_text())
    assert sorted(cached["files"]) == sorted(files)
    assert cached["sources"] == ["VG_100K", "VG_100K_2"]


def rename_photos(data: Path, split: str, pattern: str) -> None:
    path = data / "flickr8k" / f"captions_{split}.json"
    document = json.loads(path.read_text())
    for number, image in enumerate(document["images"]):
        image["file_name"] = pattern.format(391895 + number)
    path.write_text(json.dumps(document))


def prepare_visual_genome(data: Path, run: Path) -> int:
    return main(["prepare", "--preset", "smoke", "--data", str(data), "--run", str(run), "--threads", "1"])


def test_captioned_photos_that_are_validated_and_tested_on_are_not_learned_from_as_visual_genomes(tmp_path):
    data, run = write_tiny_data(tmp_path / "data"), tmp_path / "run"
    write_visual_genome(data / "visual_genome", range(8, 28))
    rename_photos(data, "val", "COCO_val2014_{:012}.jpg")
    rename_photos(data, "test", "val2017/{:012}.jpg")
    # Four photos are tested on, the first of them FACTUAL's too; one is another's, and one not COCO's.
    coco = {8: 391895, 12: 391896, 20: 391897, 27: 391902, 14: 5, 15: None}
    images = [{"image_id": image, "coco_id": coco.get(image), "flickr_id": None} for image in range(8, 28)]
    (data / "visual_genome" / "image_data.json").write_text(json.dumps(images))
    assert prepare_visual_genome(data, run) == 0
    report = json.loads((run / "prepare" / "report.json").read_text())
    assert report["photos"] == {"leftOut": 4, "leftOutCaptioned": 3, "train": 12, "val": 1}
    files = {
        file for name in ("train", "val") for file in read_photos(run / "prepare" / f"graphs_{name}.jsonl")
    }
    assert not files & {f"{image}.jpg" for image in (8, 12, 20, 27)}


def test_visual_genome_beside_coco_needs_to_say_which_photos_are_cocos(tmp_path, capsys):
    data = write_tiny_data(tmp_path / "data")
    write_visual_genome(data / "visual_genome", range(8, 28))
    rename_photos(data, "test", "COCO_val2014_{:012}.jpg")
    assert prepare_visual_genome(data, tmp_path / "run") == 1
    assert "image_data.json is missing" in capsys.readouterr().err


def test_visual_genome_without_its_photos_is_refused_by_prepare(tmp_path, capsys):
    data = write_tiny_data(tmp_path / "data")
    for photo in list(write_visual_genome(data / "visual_genome", [20, 21]).glob("VG_100K*/*")):
        photo.unlink()
        if not any(photo.parent.iterdir()):
            photo.parent.rmdir()
    assert main(["prepare", "--preset", "smoke", "--data", str(data), "--run", str(tmp_path / "run")]) == 1
    assert "visual_genome holds no images*.tar" in capsys.readouterr().err
