"""Every input format, and what is done with records that cannot be read."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_data import jpeg, write_tar

from groundwire_training.data import load_captions, load_split
from groundwire_training.image_folder import iterate_labeled, load_image_folder
from groundwire_training.images import iterate_files, iterate_photos, photos_below
from groundwire_training.photo_decoder import Drawn, PhotoDecoder, crop_box
from groundwire_training.records import RecordLog
from groundwire_training.triples import load_triples_tsv


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def write_captions(path: Path, captions: list[tuple[int, str]], photos: int = 2) -> Path:
    images = [{"id": i, "file_name": f"folder/{i}.jpg"} for i in range(photos)]
    notes = [{"id": n, "image_id": i, "caption": text} for n, (i, text) in enumerate(captions)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": notes}), encoding="utf-8")
    return path


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_coco_captions_come_by_photo_in_file_order(tmp_path):
    path = write_captions(tmp_path / "c.json", [(1, "a dog "), (0, "a cat"), (1, "two dogs")])
    split = load_captions(path, [])
    assert split.files == ["0.jpg", "1.jpg"]
    assert split.captions == [["a cat"], ["a dog", "two dogs"]]


def test_empty_captions_and_unlisted_photos_are_listed_below_one_percent(tmp_path):
    good = [(0, "a dog")] * 300
    split = load_captions(write_captions(tmp_path / "c.json", [*good, (0, "  "), (7, "a cat")]), [])
    assert split.log.read == 302
    assert split.log.report()["bad"] == [
        {"record": "300", "rule": "caption must hold a visible character"},
        {"record": "301", "rule": "image_id 7 must be listed in images"},
    ]
    assert split.captions == [["a dog"] * 300]


def test_one_percent_of_empty_captions_is_an_error_with_file_and_record(tmp_path):
    path = write_captions(tmp_path / "c.json", [(0, "a dog")] * 99 + [(0, "")])
    with pytest.raises(ValueError, match=r"c\.json: 1 of 100 records are bad.*record 99: caption must hold"):
        load_captions(path, [])


def test_a_caption_file_that_ends_too_soon_or_lacks_a_field_is_named(tmp_path):
    path = write_captions(tmp_path / "c.json", [(0, "a dog")] * 9)
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(ValueError, match=r"c\.json: must be whole JSON in UTF-8: .*column"):
        load_captions(path, [])
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"c\.json: must be an object with images and annotations"):
        load_captions(path, [])
    path.write_text(whole.replace('"id": 1, "file_name"', '"file_name"'))
    with pytest.raises(ValueError, match=r"c\.json: record images\[1\]: must have an id and a file_name"):
        load_captions(path, [])
    path.write_text(whole.replace('"id": 8, "image_id": 0', '"id": 8'))
    with pytest.raises(ValueError, match=r"c\.json: 1 of 9 .*record 8: image_id None must be listed"):
        load_captions(path, [])


def test_two_photos_of_one_name_are_an_error_before_captions_are_given_to_the_wrong_one(tmp_path):
    path = write_captions(tmp_path / "c.json", [(0, "a dog"), (1, "a cat")])
    path.write_text(path.read_text().replace("folder/1.jpg", "other/0.jpg"))
    expected = r"c\.json: record images\[1\]: photos must have names of their own, other/0\.jpg is called as folder/0"
    with pytest.raises(ValueError, match=expected):
        load_captions(path, [])


def test_a_split_may_be_cut_to_its_first_photos(tmp_path, random):
    write_captions(tmp_path / "flickr8k" / "captions_val.json", [(0, "a dog"), (1, "a cat")])
    write_tar(tmp_path / "flickr8k" / "images_val.tar", {"images/0.jpg": jpeg(random)})
    assert load_split(tmp_path, "val", 1).files == ["0.jpg"]
    assert len(load_split(tmp_path, "val")) == 2


def test_photos_are_the_same_from_a_folder_and_from_a_tar_shard(tmp_path, random):
    files = {f"images/{i}.jpg": jpeg(random) for i in range(3)}
    write_tar(tmp_path / "photos.tar", {**files, "images/notes.txt": b"not a photo"})
    write_folder(tmp_path / "photos", files)
    from_tar = list(iterate_photos([tmp_path / "photos.tar"], [], 32))
    from_folder = list(iterate_photos([tmp_path / "photos"], [], 32))
    assert [name for name, _ in from_tar] == [name for name, _ in from_folder] == ["0.jpg", "1.jpg", "2.jpg"]
    for (_, one), (_, other) in zip(from_tar, from_folder, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unreadable_photo_is_listed_below_one_percent_and_an_error_above(tmp_path, random):
    photo = jpeg(random)
    many = {f"{i}.jpg": photo for i in range(150)}
    write_tar(tmp_path / "many.tar", {**many, "broken.jpg": photo[:200]})
    logs: list[RecordLog] = []
    assert len(list(iterate_photos([tmp_path / "many.tar"], logs, 32))) == 150
    assert [record for record, _ in logs[0].bad] == ["broken.jpg"]
    write_folder(tmp_path / "few", {"a.jpg": photo, "b.png": b"no photo at all"})
    with pytest.raises(ValueError, match=r"few: 1 of 2 records are bad.*record b\.png: must be a readable"):
        list(iterate_photos([tmp_path / "few"], [], 32))


def damaged_png(random: np.random.Generator) -> bytes:
    """The name of its second chunk of pixels is gone, which Pillow calls a syntax error, and only as it decodes."""
    file = io.BytesIO()
    Image.fromarray(random.integers(256, size=(300, 300, 3), dtype=np.uint8)).save(file, "PNG")
    content = file.getvalue()
    second = content.index(b"IDAT", content.index(b"IDAT") + 4)
    return content[:second] + b"\0\0\0\0" + content[second + 4 :]


@pytest.mark.parametrize("kind", ["damaged", "bomb"])
def test_a_photo_that_the_decoder_gives_up_on_in_its_own_way_is_unreadable_too(
    kind, tmp_path, random, monkeypatch
):
    photo = damaged_png(random)
    if kind == "bomb":
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1024)
        file = io.BytesIO()
        Image.new("RGB", (100, 100)).save(file, "PNG")
        photo = file.getvalue()
    good = {f"train/n01/{i}.jpg": jpeg(random) for i in range(150)}
    root = write_folder(tmp_path, {**good, "train/n01/x.png": photo})
    logs: list[RecordLog] = []
    assert len(list(iterate_photos([root / "train"], logs, 32))) == 150
    labeled = load_image_folder(root, "train")
    assert len(list(iterate_labeled(labeled, logs, 32))) == 150
    assert [record for log in logs for record, _ in log.bad] == ["n01/x.png"] * 2
    for scale in (None, (0.2, 1.0)):
        decoder = PhotoDecoder(labeled, workers=1, crop_scale=scale)
        assert decoder.batch((0,), drawn([149, 150]), None)[0] == [0]


def test_classes_are_the_first_folders_below_the_split_in_folders_and_shards(tmp_path, random):
    files = {f"train/{c}/images/{c}_{i}.JPEG": jpeg(random) for c in ("n01", "n02") for i in range(3)}
    write_folder(tmp_path / "tree", files)
    write_tar(tmp_path / "tars" / "train_0.tar", dict(list(files.items())[:2]))
    write_tar(tmp_path / "tars" / "train_1.tar", dict(list(files.items())[2:]))
    tree, tars = (load_image_folder(tmp_path / name, "train") for name in ("tree", "tars"))
    assert [(p.name, p.label) for p in tree] == [(p.name, p.label) for p in tars]
    assert [p.label for p in tree] == ["n01"] * 3 + ["n02"] * 3
    assert [p.read() for p in tree] == [p.read() for p in tars] == list(files.values())
    assert [p.label for p in load_image_folder(tmp_path / "tars", "train", per_class=1)] == ["n01", "n02"]


def test_classes_may_be_links_and_a_link_upwards_leads_nowhere(tmp_path, random):
    write_folder(tmp_path / "elsewhere", {f"{name}/a.jpg": jpeg(random) for name in ("dogs", "cats")})
    root = write_folder(tmp_path / "data", {"train/n00/b.jpg": jpeg(random)})
    (root / "train" / "n01").symlink_to(tmp_path / "elsewhere" / "dogs")
    (root / "train" / "n02").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "train" / "n02" / "up").symlink_to(root / "train")
    found = load_image_folder(root, "train")
    assert [(photo.name, photo.label) for photo in found] == [
        ("n00/b.jpg", "n00"),
        ("n01/a.jpg", "n01"),
        ("n02/a.jpg", "n02"),
    ]
    assert found[1].read() == (tmp_path / "elsewhere" / "dogs" / "a.jpg").read_bytes()
    assert [name for name, _ in iterate_files(root / "train")] == [photo.name for photo in found]


def test_a_photo_in_no_class_is_an_error_from_one_percent_on(tmp_path, random):
    write_folder(tmp_path, {"val/n01/a.jpg": jpeg(random), "val/b.jpg": jpeg(random)})
    with pytest.raises(ValueError, match=r"record b\.jpg: must lie in a folder that names its class"):
        load_image_folder(tmp_path, "val")


def test_a_missing_image_folder_names_what_would_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no train/, train\.tar or train_\*\.tar"):
        load_image_folder(tmp_path, "train")


def drawn(rows: list[int]) -> Drawn:
    crops = [np.random.default_rng(row) for row in rows]
    return Drawn(np.array(rows), np.zeros(len(rows), dtype=np.int64), crops)


def test_decoding_ahead_gives_the_pixels_of_decoding_at_once(tmp_path, random):
    write_folder(tmp_path, {f"train/n01/{i}.jpg": jpeg(random) for i in range(4)})
    photos = load_image_folder(tmp_path, "train")
    plain = PhotoDecoder(photos, workers=1, crop_scale=(0.2, 1.0))
    eager = PhotoDecoder(photos, workers=3, crop_scale=(0.2, 1.0))
    eager.batch((0,), drawn([0, 1]), ((1,), drawn([3, 2])))
    kept, pixels = eager.batch((1,), drawn([3, 2]), None)
    assert kept == [0, 1]
    np.testing.assert_array_equal(pixels, plain.batch((1,), drawn([3, 2]), None)[1])
    np.testing.assert_array_equal(pixels[::-1], plain.batch((2,), drawn([2, 3]), None)[1])


def test_an_unreadable_photo_leaves_its_batch_and_counts_once_against_all_photos(tmp_path, random):
    photo = jpeg(random)
    files = {f"train/n01/{i:03}.jpg": photo for i in range(150)} | {"train/n01/003.jpg": photo[:150]}
    photos = load_image_folder(write_folder(tmp_path, files), "train")
    decoder = PhotoDecoder(photos, workers=2, crop_scale=None)
    for key in range(3):
        kept, pixels = decoder.batch((key,), drawn([2, 3, 4]), None)
        assert kept == [0, 2]
        assert pixels.shape == (2, 224, 224, 3)
    assert [record for record, _ in decoder.log.bad] == ["n01/003.jpg"]
    few = PhotoDecoder(photos[:50], workers=2, crop_scale=None)
    with pytest.raises(ValueError, match="1 of 50 records are bad"):
        few.batch((0,), drawn([2, 3, 4]), None)


def test_a_cached_split_lists_what_could_not_be_read(tmp_path, random):
    photo = jpeg(random)
    files = {f"train/n01/{i:03}.jpg": photo for i in range(120)} | {"train/n01/000.jpg": b"?"}
    photos = load_image_folder(write_folder(tmp_path, files), "train")
    logs: list[RecordLog] = []
    assert len(list(iterate_labeled(photos, logs, 32))) == 119
    assert logs[0].report()["bad"][0]["record"] == "n01/000.jpg"


def test_crops_stay_inside_the_photo_and_cover_the_share_asked_for():
    random = np.random.default_rng(0)
    for _ in range(200):
        left, top, right, bottom = crop_box(100, 60, (0.2, 0.5), random)
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 60
        assert 0.17 < (right - left) * (bottom - top) / 6000 < 0.53 or (right, bottom) == (100, 60)


def write_triples(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["subject\tpredicate\tobject\tcount", *lines]) + "\n", encoding="utf-8")
    return path


def test_triples_count_tokens_and_list_bad_lines(tmp_path):
    path = write_triples(tmp_path / "t.tsv", ["dog\ton\trug\t2"] * 200 + ["dog\ton\trug\t0"])
    counts, log = load_triples_tsv(path)
    assert counts["dog", "on", "rug"] == 400
    assert log.bad == [("line 202", "count must be a whole number of at least 1, got '0'")]


def test_triples_with_a_wrong_header_or_too_many_bad_lines_are_refused(tmp_path):
    bad = write_triples(tmp_path / "bad.tsv", ["dog\ton\trug\t2"] * 9 + ["dog\ton\t\t1"])
    with pytest.raises(ValueError, match=r"1 of 10 records are bad.*record line 11: must have 4 fields"):
        load_triples_tsv(bad)
    other = tmp_path / "other.tsv"
    other.write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(ValueError, match="the header must be"):
        load_triples_tsv(other)


def test_a_folder_without_permission_and_a_link_to_itself_are_passed_over(tmp_path, monkeypatch):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "lost+found":
            raise PermissionError(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert photos_below(tmp_path) == [tmp_path / "a.jpg"]
