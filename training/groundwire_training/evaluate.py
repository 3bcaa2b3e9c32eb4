"""Measures models under the protocols of the paper's tables.

    python -m groundwire_training evaluate --data DATA --bundle models/NAME --run runs/NAME --out runs/NAME

The last line of standard output is one JSON object: column -> metric -> value. A measure that does not apply
to a column (retrieval without photos' graphs) is absent from it, never zero.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from groundwire_training.columns import COLUMNS, Column, available_columns, open_column
from groundwire_training.embedder import CachedEmbedder, Embedder
from groundwire_training.metrics_colors import evaluate_colors, load_coda
from groundwire_training.metrics_composition import evaluate_composition, load_words
from groundwire_training.metrics_concreteness import evaluate_concreteness, load_semcat
from groundwire_training.metrics_norms import evaluate_norms, load_cslb
from groundwire_training.metrics_onnx import evaluate_golden
from groundwire_training.metrics_retrieval import evaluate_retrieval
from groundwire_training.metrics_silhouette import evaluate_silhouettes
from groundwire_training.metrics_similarity import evaluate_pairs, load_bird, load_simlex
from groundwire_training.metrics_size import evaluate_size, load_size_pairs
from groundwire_training.photo_search import can_search, embed_captions, embed_photos, load_flickr8k
from groundwire_training.report import markdown_table


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a measure sees: one model's vectors and, for the shipped model, its bundle."""

    embed: Embedder
    column: Column
    data: Path
    lexicon: Path | None


Measure = Callable[[Subject], dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=os.environ.get("GROUNDWIRE_DATA"), help="data folder")
    parser.add_argument("--bundle", type=Path, help="bundle to measure as `shipped`; its lexicon is used")
    parser.add_argument("--run", type=Path, dest="run_dir", help="run folder with stage2 and stage3")
    parser.add_argument("--base", type=Path, help="BERT folder of `base` (default: the MiniLM package)")
    parser.add_argument("--lexicon", type=Path, help="lexicon.txt for composition (default: the bundle's)")
    parser.add_argument("--columns", type=names_of(COLUMNS), help="default: all that are at hand")
    parser.add_argument("--only", type=names_of(MEASURES), default=list(MEASURES), help="default: all")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json and evaluation.md")
    parser.add_argument("--plots", action="store_true", help="also write the PNG plots to --out")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads, default: %(default)s")


def run(args: argparse.Namespace) -> int:
    if args.data is None:
        raise ValueError("--data: give the data folder, or set GROUNDWIRE_DATA")
    if args.plots and args.out is None:
        raise ValueError("--plots: needs --out, the folder to write to")
    torch.set_num_threads(args.threads)
    names = args.columns or available_columns(run=args.run_dir, bundle=args.bundle)
    columns = [open_column(name, base=args.base, run=args.run_dir, bundle=args.bundle) for name in names]
    subjects = [subject_of(column, args) for column in columns]
    results = {subject.column.name: measure(subject, args.only) for subject in subjects}
    table = markdown_table(results)
    if args.out:
        write_results(args.out, results, table)
    if args.plots:
        from groundwire_training.plots import write_plots

        write_plots(args.out, {subject.column.name: subject.embed for subject in subjects}, Path(args.data))
    print(table)
    print(json.dumps(results))
    return 0


def subject_of(column: Column, args: argparse.Namespace) -> Subject:
    lexicon = args.lexicon or (args.bundle / "lexicon.txt" if args.bundle else None)
    embed = CachedEmbedder(column.embed, args.cache)
    return Subject(embed=embed, column=column, data=Path(args.data), lexicon=lexicon)


def measure(subject: Subject, names: list[str]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in names:
        started = time.perf_counter()
        found = MEASURES[name](subject)
        metrics.update(found)
        seconds = time.perf_counter() - started
        state = f"{seconds:.1f} s" if found else "does not apply"
        print(f"{subject.column.name} {name}: {state}", file=sys.stderr, flush=True)
    return metrics


def write_results(out: Path, results: dict[str, dict[str, Any]], table: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(table + "\n", encoding="utf-8")


def names_of(known: Any) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            wrong = ", ".join(unknown) or "nothing"
            raise argparse.ArgumentTypeError(f"must name some of {', '.join(known)}; got {wrong}")
        return chosen

    return names


def concreteness(subject: Subject) -> dict[str, Any]:
    return evaluate_concreteness(subject.embed, load_semcat(subject.data))


def silhouette(subject: Subject) -> dict[str, Any]:
    return evaluate_silhouettes(subject.embed, load_semcat(subject.data))


def norms(subject: Subject) -> dict[str, Any]:
    return evaluate_norms(subject.embed, load_cslb(subject.data))


def composition(subject: Subject) -> dict[str, Any]:
    return evaluate_composition(subject.embed, load_words(subject.lexicon)) if subject.lexicon else {}


def simlex(subject: Subject) -> dict[str, Any]:
    return {"simlex": evaluate_pairs(subject.embed, load_simlex(subject.data))}


def bird(subject: Subject) -> dict[str, Any]:
    return {"bird": evaluate_pairs(subject.embed, load_bird(subject.data))}


def colors(subject: Subject) -> dict[str, Any]:
    return evaluate_colors(subject.embed, load_coda(subject.data))


def size(subject: Subject) -> dict[str, Any]:
    train, dev, test = (load_size_pairs(subject.data, split) for split in ("train", "dev", "test"))
    return {"sizeAccuracy": evaluate_size(subject.embed, train, dev, test)}


def retrieval(subject: Subject) -> dict[str, Any]:
    bundle = subject.column.bundle
    if bundle is None or not can_search(bundle):
        return {}
    photos = load_flickr8k(subject.data)
    images, captions = embed_photos(bundle, photos), embed_captions(bundle, photos.captions)
    return {"retrieval": evaluate_retrieval(images, captions)}


def onnx(subject: Subject) -> dict[str, Any]:
    bundle = subject.column.bundle
    return evaluate_golden(subject.column.embed, bundle) if bundle else {}


MEASURES: dict[str, Measure] = {
    "concreteness": concreteness,
    "silhouette": silhouette,
    "norms": norms,
    "composition": composition,
    "simlex": simlex,
    "bird": bird,
    "colors": colors,
    "size": size,
    "retrieval": retrieval,
    "onnx": onnx,
}
