"""Large files that one process writes while others, in other runs too, may do the same or read those before."""

from __future__ import annotations

import contextlib
import glob
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: as on a file system without locks
    fcntl = None  # type: ignore[assignment]

ENDING, LOCK = ".partial", ".lock"


@contextlib.contextmanager
def own_stem(stem: Path) -> Iterator[Path]:
    """Inside, a stem beside `stem` for files of this process alone, which are whole once they are renamed.

    Those that are not renamed are removed at the end, and those of killed processes, gigabytes each, at the start.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(stem)
    own = stem.with_name(f"{stem.name}.{uuid.uuid4().hex[:12]}{ENDING}")
    with own.with_name(own.name + LOCK).open("w") as lock:
        # Death lets go of it, whatever kind of death, on this machine or another. A file system without locks
        # keeps what killed processes leave.
        with contextlib.suppress(OSError):
            hold(lock)
        try:
            yield own
        finally:
            remove(own)


def hold(lock: IO[str]) -> None:
    """Raises `OSError` where another process holds it, or where there are no locks."""
    if fcntl is None:
        raise OSError("no locks here")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_left_behind(stem: Path) -> None:
    for path in stem.parent.glob(f"{glob.escape(stem.name)}.*{ENDING}{LOCK}"):
        try:
            with path.open("r+") as lock:
                hold(lock)
                remove(path.with_name(path.name.removesuffix(LOCK)))
        except OSError:
            continue  # its process lives, another has been here first, or there are no locks


def remove(own: Path) -> None:
    for path in own.parent.glob(f"{glob.escape(own.name)}*"):
        path.unlink(missing_ok=True)
