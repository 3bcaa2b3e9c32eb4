"""The last that a bundle's words learn: colors, materials and shapes beyond their prior, all else held in its place.

python -m groundwire_training properties --bundle BUNDLE --data DATA --run RUN

Stage 2 learns what is said most of all things: to most of them, their white version is nearest. Unlearning that inside
the stages moved other compositions too ("striped horse" lost its zebra), so that it is done here, on text alone, from
the bundle's own weights: of "black banana", "yellow banana", ... those said more of bananas than of other things come
nearer to "banana", while words, phrases, and the tokens of captions stay where the bundle has them. So do the graphs
that read them: relations, search and evidence are taken over as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertModel

from .bundle import check_replaceable, replace_bundle
from .checkpoint import checkpoint_folder, load_module, write_json
from .config import add_overrides, configure
from .distributed import join_processes
from .embedder import read_manifest
from .export import write_bundle
from .language_stream import default_bert_folder
from .property_config import PROPERTY_PRESETS
from .property_stage import PropertyTuning, load_held
from .property_tables import load_tables
from .provenance import describe_tuning
from .stage2 import save_language_files
from .stored_language import load_stored_language
from .train_loop import train

NAME = "properties"
LANGUAGE = "language.onnx"
# Files of a bundle that no text's vector is in.
TAKEN_OVER = (
    "visual.onnx",
    "grounding.onnx",
    "retrieval.onnx",
    "relations.onnx",
    "relations.bin",
    "predicates.json",
    "triples.tsv.gz",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle that goes on learning")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument("--run", dest="run_dir", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--out", type=Path, help="the new bundle (default: in the old one's place)")
    parser.add_argument(
        "--bert", type=Path, help="BERT directory that the bundle began with (default: MiniLM)"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    if args.preset not in PROPERTY_PRESETS:
        raise ValueError(f"--preset: must be one of {', '.join(PROPERTY_PRESETS)}, got {args.preset}")
    out = args.out or args.bundle
    check_replaceable(out)
    bundle = read_manifest(args.bundle)
    if bundle["stage"] not in ("grounded", "relational"):
        raise ValueError(f"--bundle: must be of stage grounded or relational, got {bundle['stage']}")
    if any(part["name"] == NAME for part in bundle["training"]["stages"]):
        print(f"{NAME}: {args.bundle} has learned them already")
        return 0
    check_begun_with(args.run_dir / NAME, bundle["fingerprint"])
    config = configure(PROPERTY_PRESETS, args.preset, args.set)
    language, tokenizer = load_stored_language(args.bundle, args.bert or default_bert_folder())
    entries = (args.bundle / "lexicon.txt").read_text("utf-8").splitlines()
    tables = load_tables(args.data)
    stage = PropertyTuning(config, language, tokenizer, tables, load_held(args.data, entries, tables))
    state = train(stage, args.run_dir / NAME, description=NAME)
    if join_processes().is_main_process:
        load_module(language, checkpoint_folder(args.run_dir / NAME) / "language.safetensors")
        save_language_files(args.run_dir / NAME, language, tokenizer)
        write_tuned(args, out, language.cpu().eval(), tokenizer, entries)
    print(f"{NAME}: best selection {state['best']:.4f} at step {state['bestStep']}")
    return 0


def check_begun_with(folder: Path, fingerprint: str) -> None:
    """Notes which bundle the checkpoints go on from. Raises `ValueError` where they went on from another."""
    path = folder / "bundle.json"
    if not path.is_file() and join_processes().is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"fingerprint": fingerprint})
    begun = json.loads(path.read_text("utf-8"))["fingerprint"] if path.is_file() else fingerprint
    if begun != fingerprint:
        raise ValueError(f"--run: {folder} was begun with another bundle, of fingerprint {begun[:12]}")


def write_tuned(
    args: argparse.Namespace, out: Path, language: BertModel, tokenizer: Tokenizer, entries: list[str]
) -> None:
    """The old bundle's graphs beside the new language model and all that is computed with it."""
    manifest = read_manifest(args.bundle)
    fields = {name: manifest[name] for name in ("name", "stage", "maxTokens", "pooling")}
    fields["training"] = describe_tuning(manifest["training"], args.run_dir, NAME)
    # What is measured of the old bundle says nothing of the new one.
    fields["metrics"] = {name: found for name, found in manifest["metrics"].items() if name != "shipped"}
    parity = {name: found for name, found in manifest["float32MaxAbsDiff"].items() if name != LANGUAGE}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        for name in TAKEN_OVER:
            if (args.bundle / name).is_file():
                shutil.copy(args.bundle / name, folder / name)
        write_bundle(
            folder, language, tokenizer, fields, parity, entries=entries, data=args.data, norms=args.data
        )
        replace_bundle(out, folder, Path(scratch))
