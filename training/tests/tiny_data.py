"""A data folder of a few random photos, captions, graphs and classes, in the formats of the real one."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from groundwire_training.data import load_split
from groundwire_training.predicates import load_surface_forms
from groundwire_training.prepare import write_photos
from groundwire_training.relation_training import build_vocabulary
from groundwire_training.relations import write_predicates
from groundwire_training.scene_graph import SceneGraph
from groundwire_training.triples import load_splits

NOUNS = ["dog", "cat", "horse", "ball", "tree", "child"]
COLORS = ["brown", "red", "white"]
VERBS = ["near", "on", "behind"]
WORDS = [*NOUNS, *COLORS, *VERBS, "the", "a", "is", "idea", "truth"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WIDTH = 24  # divides among the 12 heads of the visual stream and the 8 of the cross-attention
PHOTOS = {"train": 16, "val": 8, "test": 4}
CLASSES = ["n01", "n02"]


def write_tiny_data(data: Path) -> Path:
    random = np.random.default_rng(0)
    (data / "flickr8k").mkdir(parents=True)
    for split, count in PHOTOS.items():
        write_captioned(data / "flickr8k", split, count, random)
    write_classes(data / "imagenet-tiny", random)
    write_relations(data / "relations", random)
    return data


def jpeg(random: np.random.Generator) -> bytes:
    """A photo of one color with a patch of another."""
    pixels = np.empty((32, 32, 3), dtype=np.uint8)
    pixels[:] = random.integers(256, size=3)
    pixels[8:20, 8:20] = random.integers(256, size=3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def caption(random: np.random.Generator) -> str:
    first, second = random.choice(NOUNS, 2, replace=False)
    return f"a {random.choice(COLORS)} {first} {random.choice(VERBS)} the {second}"


def write_captioned(folder: Path, split: str, count: int, random: np.random.Generator) -> None:
    names = [f"{split}{i}.jpg" for i in range(count)]
    write_tar(folder / f"images_{split}.tar", {f"images/{name}": jpeg(random) for name in names})
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    notes = [
        {"id": 5 * i + k, "image_id": i, "caption": caption(random)} for i in range(count) for k in range(5)
    ]
    document = {"images": images, "annotations": notes}
    (folder / f"captions_{split}.json").write_text(json.dumps(document), encoding="utf-8")


def write_captioned_with_broken(data: Path, broken: str) -> Path:
    """120 training photos, of which one cannot be read, and four to validate on."""
    random = np.random.default_rng(0)
    folder = data / "flickr8k"
    folder.mkdir(parents=True)
    write_captioned(folder, "train", 120, random)
    write_captioned(folder, "val", 4, random)
    names = [f"train{i}.jpg" for i in range(120)]
    photos = {f"images/{name}": b"no photo" if name == broken else jpeg(random) for name in names}
    write_tar(folder / "images_train.tar", photos)
    return data


def write_visual_genome(folder: Path, images: Sequence[int]) -> Path:
    """Three objects, an attribute and two relations an image; photos in two folders, as they are downloaded."""
    random = np.random.default_rng(0)
    documents: dict[str, list[dict]] = {"objects": [], "attributes": [], "relationships": []}
    for number, image in enumerate(images):
        names = random.choice(NOUNS, 3, replace=False).tolist()
        relations = [
            {"relationship_id": end, "predicate": str(random.choice(VERBS)), "subject": {"object_id": 0}}
            | {"object": {"object_id": end}}
            for end in (1, 2)
        ]
        objects = [{"object_id": i, "names": [name]} for i, name in enumerate(names)]
        attributes = [{"object_id": 0, "names": names[:1], "attributes": [str(random.choice(COLORS))]}]
        for kind, found in (
            ("objects", objects),
            ("attributes", attributes),
            ("relationships", relations),
        ):
            documents[kind].append({"image_id": image, kind: found})
        photos = folder / ("VG_100K" if number % 2 else "VG_100K_2")
        photos.mkdir(parents=True, exist_ok=True)
        (photos / f"{image}.jpg").write_bytes(jpeg(random))
    for kind, document in documents.items():
        (folder / f"{kind}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_classes(folder: Path, random: np.random.Generator) -> None:
    for shard in ("train_0", "train_1", "val"):
        split = shard.split("_")[0]
        files = {
            f"{split}/{label}/{shard}_{i}.JPEG": jpeg(random)
            for label in CLASSES
            for i in range(2 if split == "val" else 4)
        }
        write_tar(folder / f"{shard}.tar", files)


def write_relations(folder: Path, random: np.random.Generator) -> None:
    (folder / "factual").mkdir(parents=True)
    (folder / "vg150").mkdir()
    for split, count in (("train", 60), ("dev", 12), ("test", 12)):
        with (folder / "factual" / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image_id", "region_id", "caption", "scene_graph"])
            for i in range(count):
                words = caption(random).split()
                graph = f"( {words[2]} , is , {words[1]} ) , ( {words[2]} , {words[3]} , {words[5]} )"
                rows.writerow([i, i, " ".join(words), graph])
    for split in ("train", "test", "test_zero_shot"):
        lines = ["subject\tpredicate\tobject\tcount"]
        for subject in NOUNS[:3]:
            lines += [f"{subject}\t{random.choice(VERBS)}\t{other}\t6" for other in NOUNS[3:]]
        (folder / "vg150" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def tiny_tokenizer() -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate([*SPECIALS, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def tiny_bert(dropout: float = 0.0) -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(SPECIALS) + len(WORDS),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.3,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def write_tiny_bert(folder: Path, dropout: float = 0.0) -> Path:
    tiny_bert(dropout).save_pretrained(folder)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def write_prepared(folder: Path, data: Path) -> Path:
    """What `prepare` writes, with the graphs that the captions were made from in place of parsed ones."""
    folder.mkdir(parents=True)
    predicates = build_vocabulary(load_splits(data), load_surface_forms(data))
    write_predicates(predicates, folder / "predicates.json")
    for split in ("train", "val"):
        photos = load_split(data, split)
        graphs = [[graph_of(text) for text in captions] for captions in photos.captions]
        write_photos(folder / f"graphs_{split}.jsonl", zip(photos.files, graphs, strict=True))
    return folder


def graph_of(text: str) -> SceneGraph:
    _, color, subject, predicate, _, other = text.split()
    return SceneGraph.from_tuples([(subject, "is", color), (subject, predicate, other)])


def write_words(path: Path) -> Path:
    path.write_text("\n".join(word for word in WORDS if len(word) > 2) + "\n", encoding="utf-8")
    return path
