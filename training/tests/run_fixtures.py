"""A tiny run of all stages as checkpoints, and the data that its export and evaluation read."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from evaluation_fixtures import WORDS, tiny_bert, tiny_tokenizer, write_norms
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

from groundwire_training.checkpoint import tensors_of, write_json
from groundwire_training.config import STAGE2_PRESETS, save_config
from groundwire_training.predicates import Predicate
from groundwire_training.relational import Relational
from groundwire_training.relations import RelationHead, save_relations, write_predicates
from groundwire_training.retrieval import Retrieval
from groundwire_training.stage2 import save_language_files
from groundwire_training.stage3_config import STAGE3_PRESETS
from groundwire_training.stage4_config import STAGE4_PRESETS
from groundwire_training.two_stream import TwoStream

PREDICATES = [Predicate("on", ("be on",), "under", 5), Predicate("near", (), None, 3)]
PREDICATES += [Predicate("under", (), "on", 2), Predicate("hold", (), None, 2)]
STAGE2 = replace(STAGE2_PRESETS["smoke"], heads=4)
STAGE4 = replace(STAGE4_PRESETS["smoke"], pooling_heads=4, attention_skip=True)


def write_run(run: Path) -> Path:
    """Stages 2, 3 and 4 with random weights, as `train_loop` leaves them behind."""
    torch.manual_seed(0)
    two_stream = TwoStream(tiny_bert(), STAGE2).eval()
    head = RelationHead(32, PREDICATES, hidden=16)
    model = Relational(
        language=two_stream.language,
        visual=two_stream.visual,
        head=head,
        classes=3,
        heads=8,
        dropout=0.0,
        top_layers=1,
        word_pooling="content",
    )
    retrieval = Retrieval(model.cross_attention.query, model.cross_attention.key, two_stream.heads, STAGE4)
    streams = {"language": two_stream.language, "visual": two_stream.visual}
    relational = {"cross_attention": model.cross_attention, "grounding": model.grounding, "relations": head}
    searching = {"text": retrieval.text, "photo": retrieval.photo, "match": retrieval.match}
    write_stage(run / "stage2", {**streams, "heads": two_stream.heads}, STAGE2)
    write_stage(run / "stage3", {**streams, **relational}, STAGE3_PRESETS["smoke"])
    write_stage(run / "stage4", searching, STAGE4)
    for stage in ("stage2", "stage3"):
        save_language_files(run / stage, two_stream.language, tiny_tokenizer())
    save_relations(head, run / "stage3" / "relations")
    save_file(tensors_of(model.grounding), run / "stage3" / "relations" / "grounding.safetensors")
    write_prepared(run / "prepare")
    return run


def write_stage(folder: Path, modules: dict[str, nn.Module], config) -> None:
    checkpoint = folder / "step-00000004"
    checkpoint.mkdir(parents=True)
    for name, module in modules.items():
        save_file(tensors_of(module), checkpoint / f"{name}.safetensors")
    state = {
        "step": 4,
        "bestStep": 4,
        "seconds": 36.0,
        "hardware": "a GPU",
        "history": [{"step": 4, "selection": 0.5}],
    }
    (checkpoint / "state.json").write_text(json.dumps(state))
    save_config(config, folder / "config.json")
    write_json(folder / "progress.json", dict.fromkeys(("last", "best", "finished"), checkpoint.name))


def mark_unfinished(stage_dir: Path) -> None:
    """As the stage was before its last step."""
    progress = json.loads((stage_dir / "progress.json").read_text())
    del progress["finished"]
    write_json(stage_dir / "progress.json", progress)


def write_prepared(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_predicates(PREDICATES, folder / "predicates.json")
    graph = {"objects": ["zebra", "horse"], "attributes": [], "relations": [[0, "near", 1]]}
    (folder / "graphs_train.jsonl").write_text(json.dumps({"file": "0.png", "graphs": [graph]}) + "\n")


def write_data(data: Path) -> Path:
    """Norms, triples, captioned test photos and a small trunk, in the formats of the real ones."""
    write_norms(data)
    write_triples(data / "relations")
    for split in ("train", "test"):
        write_photos(data / "flickr8k", split)
    config = MobileNetV2Config(depth_multiplier=0.35, finegrained_output=True, tf_padding=True)
    torch.manual_seed(1)
    MobileNetV2ForImageClassification(config).save_pretrained(data / "mobilenet-v2-imagenet")
    return data


def write_triples(folder: Path) -> None:
    random = np.random.default_rng(5)
    (folder / "factual").mkdir(parents=True)
    (folder / "vg150").mkdir()
    names = [predicate.name for predicate in PREDICATES]
    for split in ("train", "dev", "test"):
        rows = ["image_id,region_id,caption,scene_graph"]
        for i in range(40):
            subject, object_ = random.choice(WORDS, 2, replace=False)
            relation = f"( {subject} , {names[i % 4]} , {object_} )"
            rows.append(f'{i},{i},{subject} {object_},"{relation}"')
        (folder / "factual" / f"{split}.csv").write_text("\n".join(rows) + "\n")
    for split in ("train", "test", "test_zero_shot"):
        rows = ["subject\tpredicate\tobject\tcount"]
        for i in range(30):
            subject, object_ = random.choice(WORDS, 2, replace=False)
            rows.append(f"{subject}\t{names[i % 3]}\t{object_}\t{i % 4 + 1}")
        (folder / "vg150" / f"{split}.tsv").write_text("\n".join(rows) + "\n")
    counts = folder / "visual-genome"
    counts.mkdir()
    for kind in ("objects", "attributes"):
        (counts / f"{kind}_count.tsv").write_text("name\tcount\nstriped horse\t30\nred zebra\t20\n")


def write_photos(folder: Path, split: str, photos: int = 6) -> None:
    """Random pictures in a folder, the test's also as a tar file, with five captions each."""
    random = np.random.default_rng(len(split))
    pictures = folder / f"images_{split}"
    pictures.mkdir(parents=True)
    notes = []
    for i in range(photos):
        pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{i}.png")
        for k in range(5):
            notes.append({"id": 5 * i + k, "image_id": i, "caption": " ".join(random.choice(WORDS, 4))})
    if split == "test":
        with tarfile.open(folder / "images_test.tar", "w") as archive:
            archive.add(pictures, "images")
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(photos)]
    document = {"info": {"description": "Flickr8k, a toy"}, "images": images, "annotations": notes}
    (folder / f"captions_{split}.json").write_text(json.dumps(document))


def write_wordnet(folder: Path) -> Path:
    """The parts of WordNet's index files that the lexicon reads."""
    (folder / "dict").mkdir(parents=True)
    lemmas = {
        "noun": ["ice_cream", "hot_dog", "time", "people"],
        "verb": ["think"],
        "adj": ["good"],
        "adv": ["well"],
    }
    for part, words in lemmas.items():
        lines = ["  1 a licence line"] + [f"{word} n 1 0" for word in words]
        (folder / "dict" / f"index.{part}").write_text("\n".join(lines) + "\n")
    return folder
