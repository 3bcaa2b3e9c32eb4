"""Bad input records: counted and listed with file and record; tolerated below 1 %, an error above."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOLERATED_SHARE = 0.01
LISTED = 5  # bad records that the error message shows; `bad` holds all of them


@dataclass(kw_only=True)
class RecordLog:
    """What was read from one file and what of it was skipped."""

    path: Path
    read: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)  # record id, the rule that it breaks

    def good(self) -> None:
        self.read += 1

    def skip(self, record: str, rule: str) -> None:
        self.read += 1
        self.bad.append((record, rule))

    def check(self) -> None:
        """Raises `ValueError` when 1 % or more of the records are bad, or when there are none at all."""
        if self.read == 0:
            raise ValueError(f"{self.path}: holds no records")
        if len(self.bad) >= TOLERATED_SHARE * self.read and self.bad:
            shown = "; ".join(f"record {record}: {rule}" for record, rule in self.bad[:LISTED])
            raise ValueError(
                f"{self.path}: {len(self.bad)} of {self.read} records are bad, "
                f"at least {TOLERATED_SHARE:.0%} is an error: {shown}"
            )

    def report(self) -> dict:
        return {
            "file": self.path.name,
            "read": self.read,
            "bad": [{"record": record, "rule": rule} for record, rule in self.bad],
        }


def read_json(path: Path) -> Any:
    """Raises `FileNotFoundError`, or `ValueError` with the place where the file is not JSON, or ends too soon."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: must be whole JSON in UTF-8: {error}") from error
