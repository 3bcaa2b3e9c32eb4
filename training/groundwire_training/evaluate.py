"""Measures models under the protocols of the paper's tables.

    python -m groundwire_training evaluate --data DATA --bundle models/NAME --run runs/NAME --out runs/NAME

The last line of standard output is one JSON object: column -> metric -> value. A measure that does not apply
to a column (retrieval without photos' graphs) is absent from it, never zero. With `--write-manifest` the
figures also go into the bundle's manifest and model card.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from groundwire_training.bundle import update_metrics
from groundwire_training.columns import COLUMNS, Column, available_columns, open_column
from groundwire_training.embedder import CachedEmbedder, Embedder
from groundwire_training.metrics_colors import evaluate_colors, load_coda
from groundwire_training.metrics_composition import evaluate_composition, load_words
from groundwire_training.metrics_concreteness import evaluate_concreteness, load_semcat
from groundwire_training.metrics_norms import evaluate_norms, load_cslb
from groundwire_training.metrics_onnx import evaluate_onnx
from groundwire_training.metrics_retrieval import evaluate_retrieval
from groundwire_training.metrics_silhouette import evaluate_silhouettes
from groundwire_training.metrics_similarity import evaluate_pairs, load_bird, load_simlex
from groundwire_training.metrics_size import evaluate_size, load_size_pairs
from groundwire_training.photo_search import can_search, embed_test, load_test
from groundwire_training.relation_metrics import evaluate_relations
from groundwire_training.relation_source import RelationSource, from_bundle, from_run
from groundwire_training.report import markdown_table
from groundwire_training.triples import load_splits


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a measure sees: one model's vectors and, for the shipped model, its bundle."""

    embed: Embedder
    column: Column
    data: Path
    lexicon: Path | None
    cache: Path
    run: Path | None  # the run folder, whatever the column


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
    parser.add_argument(
        "--write-manifest", action="store_true", help="also write the figures into the bundle's manifest"
    )
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads, default: %(default)s")


def run(args: argparse.Namespace) -> int:
    if args.data is None:
        raise ValueError("--data: give the data folder, or set GROUNDWIRE_DATA")
    if args.plots and args.out is None:
        raise ValueError("--plots: needs --out, the folder to write to")
    if args.write_manifest and args.bundle is None:
        raise ValueError("--write-manifest: needs --bundle, the bundle to write to")
    torch.set_num_threads(args.threads)
    names = args.columns or available_columns(run=args.run_dir, bundle=args.bundle)
    columns = [open_column(name, base=args.base, run=args.run_dir, bundle=args.bundle) for name in names]
    subjects = [subject_of(column, args) for column in columns]
    results: dict[str, dict[str, Any]] = {}

    def keep(name: str, metrics: dict[str, Any]) -> None:
        results[name] = metrics
        # Hours of measures must not be lost with the one that fails.
        if args.out:
            write_results(args.out, results)

    for subject in subjects:
        measure(subject, args.only, keep)
    table = markdown_table(results)
    if args.write_manifest:
        update_metrics(args.bundle, results)
    if args.plots:
        draw(subjects, args.out)
    print(table)
    print(json.dumps(results))
    return 0


def subject_of(column: Column, args: argparse.Namespace) -> Subject:
    lexicon = args.lexicon or (args.bundle / "lexicon.txt" if args.bundle else None)
    embed = CachedEmbedder(column.embed, args.cache)
    return Subject(
        embed=embed,
        column=column,
        data=Path(args.data),
        lexicon=lexicon,
        cache=args.cache,
        run=args.run_dir,
    )


def draw(subjects: list[Subject], out: Path) -> None:
    # Imported here: a measurement without plots needs no drawing library.
    from groundwire_training.plots import write_plots
    from groundwire_training.plots_bundle import write_bundle_plots

    started = time.perf_counter()
    data = subjects[0].data
    written = write_plots(out, {subject.column.name: subject.embed for subject in subjects}, data)
    for subject in subjects:
        if subject.column.bundle is not None:
            written += write_bundle_plots(out, subject.column.bundle, subject.embed, data, subject.cache)
    names = ", ".join(path.name for path in written)
    print(f"plots: {names}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)


def measure(
    subject: Subject, names: list[str], keep: Callable[[str, dict[str, Any]], None] = lambda *_: None
) -> dict[str, Any]:
    """The model's metrics; `keep` gets its name and those so far after each measure."""
    metrics: dict[str, Any] = {}
    for name in names:
        started = time.perf_counter()
        found = MEASURES[name](subject)
        metrics.update(found)
        seconds = time.perf_counter() - started
        state = f"{seconds:.1f} s" if found else "does not apply"
        print(f"{subject.column.name} {name}: {state}", file=sys.stderr, flush=True)
        keep(subject.column.name, metrics)
    return metrics


def write_results(out: Path, results: dict[str, dict[str, Any]]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    texts = {"evaluation.json": json.dumps(results, indent=1), "evaluation.md": markdown_table(results)}
    for name, text in texts.items():
        partial = out / f"{name}.partial"
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(out / name)


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
    _, images, captions = embed_test(bundle, load_test(subject.data), subject.cache)
    return {"retrieval": evaluate_retrieval(images, captions)}


def relations(subject: Subject) -> dict[str, Any]:
    source = relation_source(subject)
    return {"relations": evaluate_relations(*source, load_splits(subject.data))} if source else {}


def relation_source(subject: Subject) -> RelationSource | None:
    if subject.column.bundle is not None:
        return from_bundle(subject.column.bundle, subject.embed)
    if subject.column.name == "relational" and subject.column.run is not None:
        return from_run(subject.column.run, subject.embed)
    return None


def parser(subject: Subject) -> dict[str, Any]:
    """The caption parser that wrote the graphs which stage 3 read; a run's, not a model's."""
    folder = subject.run / "prepare" / "parser" if subject.run else None
    if subject.column.name not in ("relational", "shipped") or folder is None or not folder.is_dir():
        return {}
    return {"parserTupleF1": parser_tuple_f1(folder, subject.data)}


@functools.cache
def parser_tuple_f1(folder: Path, data: Path) -> float:
    from groundwire_training.parser_training import evaluate_parser

    return evaluate_parser(folder, data, "test")


def onnx(subject: Subject) -> dict[str, Any]:
    bundle = subject.column.bundle
    return evaluate_onnx(subject.column.embed, bundle) if bundle else {}


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
    "relations": relations,
    "parser": parser,
    "onnx": onnx,
}
