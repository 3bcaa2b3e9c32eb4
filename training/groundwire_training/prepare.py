"""Turns downloads into the run folder's training manifests.

python -m groundwire_training prepare --preset compact --data DATA --run runs/compact

Writes below `RUN/prepare`: `predicates.json` (the vocabulary), `parser/` (the caption parser, trained on
FACTUAL once), `graphs_train.jsonl` and `graphs_val.jsonl` (a photo a line with the graphs of its captions,
or Visual Genome's own), and `report.json` (where the graphs come from, what was read, what was bad).
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from .caption_parser import CaptionParser, load_parser, parse_captions, save_parser
from .config import SMOKE_PHOTOS
from .data import load_split
from .language_stream import default_bert_folder, load_bert
from .parser_training import ParserConfig, evaluate_parser, train_parser
from .predicates import load_surface_forms
from .records import RecordLog
from .relation_training import build_vocabulary
from .relations import write_predicates
from .scene_graph import SceneGraph, load_factual
from .triples import load_splits
from .visual_genome import (
    held_out_captioned,
    load_visual_genome,
    photo_name,
    photo_sources,
    split_images,
    tested_images,
)

NAME = "prepare"
REPORT = "report.json"
# Where the graphs come from; the second is also the data's folder.
CAPTIONS, VISUAL_GENOME = "captions", "visual_genome"
# Captions of FACTUAL that the parser learns from (none: all), and passes over them.
PARSER_PRESETS: dict[str, tuple[int | None, ParserConfig]] = {
    "compact": (None, ParserConfig(epochs=2)),
    "paper": (None, ParserConfig(epochs=2)),
    "smoke": (256, ParserConfig(epochs=1, batch=16)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument("--run", dest="run_dir", type=Path, required=True, help="run folder")
    parser.add_argument(
        "--bert", type=Path, help="Hugging Face BERT directory (default: MiniLM of the extra `base`)"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    folder = args.run_dir / NAME
    folder.mkdir(parents=True, exist_ok=True)
    splits = load_splits(args.data)
    predicates = build_vocabulary(splits, load_surface_forms(args.data))
    write_predicates(predicates, folder / "predicates.json")
    logs = list(splits.logs)
    report: dict = {"predicates": len(predicates)}
    if (args.data / VISUAL_GENOME).is_dir():
        report["graphs"] = VISUAL_GENOME
        report["photos"] = split_visual_genome(args, folder, logs)
    else:
        report["graphs"] = CAPTIONS
        report["parserTupleF1"] = ensure_parser(args, folder / "parser")
        report["photos"] = parse_photos(args, folder, logs)
    report["files"] = [log.report() for log in logs]
    (folder / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps({key: value for key, value in report.items() if key != "files"}))
    return 0


def split_visual_genome(args: argparse.Namespace, folder: Path, logs: list[RecordLog]) -> dict[str, int]:
    """Writes the graphs of each split; returns how many photos have one, and how many were left out: for FACTUAL's
    tests, and because captions of `val` or `test` are of the same photo.

    Raises `FileNotFoundError` where there are graphs and no photos: stage 3 would have nothing to look at.
    """
    photo_sources(args.data / VISUAL_GENOME)
    graphs, found = load_visual_genome(args.data / VISUAL_GENOME)
    logs += found
    tested = tested_images(args.data) & graphs.keys()
    captioned = held_out_captioned(args.data) & graphs.keys() - tested
    photos = {"leftOut": len(tested), "leftOutCaptioned": len(captioned)}
    for name, images in split_images(graphs.keys() - tested - captioned).items():
        images = images[:SMOKE_PHOTOS] if args.preset == "smoke" else images
        write_photos(
            folder / f"graphs_{name}.jsonl", ((photo_name(image), [graphs[image]]) for image in images)
        )
        photos[name] = len(images)
    return photos


def ensure_parser(args: argparse.Namespace, folder: Path) -> float:
    """Trains the parser unless it is there. Returns its tuple F1 on FACTUAL's development split."""
    if not (folder / "config.json").is_file():
        bert, tokenizer = load_bert(args.bert or default_bert_folder())
        graphs, _ = load_factual(args.data / "relations" / "factual" / "train.csv")
        limit, config = PARSER_PRESETS[args.preset]
        tokenizer.no_padding()
        parser = train_parser(copy.deepcopy(bert), tokenizer, graphs[:limit], config)
        save_parser(parser, tokenizer, folder)
    return evaluate_parser(folder, args.data, "dev")


def parse_photos(args: argparse.Namespace, folder: Path, logs: list[RecordLog]) -> dict[str, int]:
    parser, tokenizer = load_parser(folder / "parser")
    photos = {}
    for name in ("train", "val"):
        split = load_split(args.data, name, SMOKE_PHOTOS if args.preset == "smoke" else None)
        logs.append(split.log)
        graphs = parse_grouped(parser, tokenizer, split.captions)
        write_photos(folder / f"graphs_{name}.jsonl", zip(split.files, graphs, strict=True))
        photos[name] = len(split)
    return photos


def parse_grouped(
    parser: CaptionParser, tokenizer, captions: Sequence[Sequence[str]]
) -> list[list[SceneGraph]]:
    """Graphs of every photo's captions, in order."""
    flat = iter(parse_captions(parser, tokenizer, [text for group in captions for text in group]))
    return [[next(flat) for _ in group] for group in captions]


def write_photos(path: Path, photos: Iterable[tuple[str, Sequence[SceneGraph]]]) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        for name, graphs in photos:
            record = {"file": name, "graphs": [graph.to_json() for graph in graphs]}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    partial.replace(path)


def graphs_source(folder: Path) -> str:
    """`CAPTIONS` or `VISUAL_GENOME`. A folder whose report does not say was prepared from captions."""
    path = folder / REPORT
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return report.get("graphs", CAPTIONS)


def read_photos(path: Path) -> dict[str, list[SceneGraph]]:
    """Graphs of each photo. Raises `FileNotFoundError` before `prepare` has run."""
    if not path.is_file():
        raise FileNotFoundError(f"scene graphs: {path} is missing; run the prepare stage first")
    photos = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        photos[record["file"]] = [SceneGraph.from_json(graph) for graph in record["graphs"]]
    return photos
