"""Model bundles on disk: the manifest with sizes, hashes, fingerprint and its own checksum."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from groundwire_training.model_card import write_model_card

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_BUNDLE_BYTES = 40 * 2**20
MAX_FILE_BYTES = 30 * 2**20
COMPUTED_FIELDS = {"formatVersion", "files", "fingerprint", "checksum"}
# Files whose content decides the vectors: the fingerprint is over these.
WEIGHT_SUFFIXES = (".onnx", ".bin")
NOT_WEIGHTS = {"map.bin"}


def write_manifest(directory: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """Hashes every file of the bundle and writes its manifest.

    `fields` holds name, stage, dimension, maxTokens, pooling, tokenTypeId, training, metrics and, where the
    graph needs them, session entries. Raises ValueError where a file or the whole is over its limit.
    """
    files = {path.name: describe(path) for path in sorted(directory.iterdir()) if path.name != MANIFEST}
    check_sizes(files)
    weights = [entry["sha256"] for name, entry in files.items() if is_weight(name)]
    manifest = {
        "formatVersion": FORMAT_VERSION,
        **fields,
        "files": files,
        "fingerprint": hashlib.sha256("".join(sorted(weights)).encode()).hexdigest(),
    }
    save_with_checksum(directory / MANIFEST, manifest)
    return manifest


def update_metrics(directory: Path, metrics: dict[str, dict[str, Any]]) -> None:
    """Puts figures (column -> measure -> value) into a finished bundle's manifest and model card.

    Measures of the same bundle that are not among them stay.
    """
    manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
    fields = {k: v for k, v in manifest.items() if k not in COMPUTED_FIELDS}
    columns = dict.fromkeys([*fields["metrics"], *metrics])
    fields["metrics"] = {
        name: {**fields["metrics"].get(name, {}), **metrics.get(name, {})} for name in columns
    }
    entries = (directory / "lexicon.txt").read_text("utf-8").count("\n")
    write_model_card(directory, fields, lexicon_size=entries)
    write_manifest(directory, fields)


def check_replaceable(out: Path) -> None:
    """Raises `ValueError` where `out` holds anything but a bundle: an export replaces the whole folder."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        manifest = json.loads((out / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not (isinstance(manifest, dict) and manifest.keys() >= COMPUTED_FIELDS):
        raise ValueError(f"--out: must be a new or empty folder, or one that holds a bundle, got {out}")


def replace_bundle(out: Path, folder: Path, scratch: Path) -> None:
    """Puts a finished bundle in the place of another, which goes to `scratch`; all on one file system."""
    # Hours may have passed since it was looked at.
    check_replaceable(out)
    if out.exists():
        out.rename(scratch / "replaced")
    folder.rename(out)


def describe(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def is_weight(name: str) -> bool:
    return name.endswith(WEIGHT_SUFFIXES) and name not in NOT_WEIGHTS


def check_sizes(files: dict[str, dict[str, Any]]) -> None:
    for name, entry in files.items():
        if entry["bytes"] > MAX_FILE_BYTES:
            raise ValueError(f"{name} must have at most {MAX_FILE_BYTES} bytes, has {entry['bytes']}")
    total = sum(entry["bytes"] for entry in files.values())
    if total > MAX_BUNDLE_BYTES:
        raise ValueError(f"the bundle must have at most {MAX_BUNDLE_BYTES} bytes, has {total}")


def save_with_checksum(path: Path, manifest: dict[str, Any]) -> None:
    """The checksum is over the file's bytes with its own digits as zeros: any altered byte is noticed."""
    zeroed = json.dumps({**manifest, "checksum": "0" * 64}, indent=2, ensure_ascii=False) + "\n"
    checksum = hashlib.sha256(zeroed.encode()).hexdigest()
    path.write_text(zeroed.replace('"checksum": "' + "0" * 64, f'"checksum": "{checksum}'), "utf-8")
