"""A run without what only its training needs, in pieces: to bring home what another machine has trained.

python -m groundwire_training.pack RUN OUT
cat OUT/piece-* | tar x -C RUN        # there: RUN as `export` and `evaluate` read it

Only finished stages, and passes of stage 2, are packed; the run goes on after them. Left out: optimizers, checkpoints
that are not the best, feature caches, frozen states, event logs.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from .checkpoint import PROGRESS, is_finished, read_progress
from .lexical import NAME as LEXICAL
from .stage2 import FIRST_PASS, STAGE1
from .stage2 import NAME as STAGE2
from .trained import STAGE3, STAGE4

EARLY = (STAGE1, FIRST_PASS, LEXICAL)  # stage 2 takes their weights over
STAGES = (*EARLY, STAGE2, STAGE3, STAGE4)
SMALL = 100_000  # entries of a tensor that keeps its precision


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("out", type=Path, help="folder of the pieces")
    parser.add_argument("--mib", type=float, default=15.9, help="of a piece at most (default: %(default)s)")
    parser.add_argument("--half", action="store_true", help="large tensors as float16: half as much to carry")
    args = parser.parse_args()
    pieces = write_pieces(pack(args.run, half=args.half), args.out, int(args.mib * 2**20))
    print(f"{args.out}: {len(pieces)} pieces, {sum(piece.stat().st_size for piece in pieces)} bytes")


def pack(run: Path, *, half: bool) -> bytes:
    """A tar of what `export` and `evaluate` read. Raises `FileNotFoundError` where no stage is finished."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files_of(run, half):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def files_of(run: Path, half: bool) -> Iterator[tuple[str, bytes]]:
    """(path below the run, content)"""
    stages = [stage for stage in STAGES if is_finished(run / stage)]
    if not stages:
        raise FileNotFoundError(f"run: {run} holds none of {', '.join(STAGES)} finished")
    for path in [*sorted(run.glob("*.json*")), *sorted((run / "prepare").glob("*.json*"))]:
        yield str(path.relative_to(run)), path.read_bytes()
    for stage in stages:
        yield from files_of_stage(run, stage, half)


def files_of_stage(run: Path, stage: str, half: bool) -> Iterator[tuple[str, bytes]]:
    """The best checkpoint stands for the last one too, but for the last one's state, which has the history."""
    progress = read_progress(run / stage) or {}
    last = progress["last"]
    best = progress.get("best", last)
    yield f"{stage}/{PROGRESS}", json.dumps(progress).encode()
    yield f"{stage}/{last}/state.json", (run / stage / last / "state.json").read_bytes()
    if stage in EARLY and is_finished(run / STAGE2):
        yield f"{stage}/config.json", (run / stage / "config.json").read_bytes()
        return
    for path in sorted((run / stage).rglob("*")):
        inside = path.relative_to(run / stage)
        wanted = inside.parts[0] in (best, "language", "relations", "config.json", "classes.json")
        if not path.is_file() or not wanted or path.name in ("optimizer.safetensors", "state.json"):
            continue
        name = f"{stage}/{inside}"
        yield name, halved(path) if half and path.suffix == ".safetensors" else path.read_bytes()


def halved(path: Path) -> bytes:
    tensors = load_file(path)
    return save({name: to_half(value) for name, value in tensors.items()})


def to_half(value: torch.Tensor) -> torch.Tensor:
    return value.half() if value.dtype == torch.float32 and value.numel() > SMALL else value


def write_pieces(content: bytes, out: Path, size: int) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    pieces = []
    for number, start in enumerate(range(0, len(content), size)):
        pieces.append(out / f"piece-{number:03d}")
        pieces[-1].write_bytes(content[start : start + size])
    return pieces


if __name__ == "__main__":
    main()
