"""Where a bundle comes from: commands, commits, hardware, hours, configurations, data with their licences."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checkpoint import checkpoint_folder, is_finished
from .data_sources import base_data, captioned_photos, run_data
from .lexical import NAME as LEXICAL
from .prepare import NAME as PREPARE
from .relation_refinement import REFINEMENT, refinement_file
from .sessions import FILE, MINILM, model_name, read_session, session
from .stage2 import FIRST_PASS, STAGE1
from .stage2 import NAME as STAGE2
from .trained import STAGE3, STAGE4

# What a bundle's stage stands on, in the order of the work. The loops among TRAINED must be there.
PARTS = {
    "base": (),
    "grounded": (STAGE1, FIRST_PASS, LEXICAL, STAGE2),
    "relational": (PREPARE, STAGE1, FIRST_PASS, LEXICAL, STAGE2, STAGE3, REFINEMENT, STAGE4),
}
TRAINED = (STAGE2, STAGE3, STAGE4)
READ_BERT = (FIRST_PASS, LEXICAL, STAGE2)
UNRECORDED = "(other options were not recorded)"

Part = dict[str, Any]


def describe_training(
    stage: str, preset: str, run: Path | None, *, data: Path | None = None, language: Path | None = None
) -> dict[str, Any]:
    """The manifest's `training`. `data` gave phrases and axis names; `language` is the BERT directory of `base`.

    What a run of an older version did not record is null, or `preset`. Raises `FileNotFoundError` where the
    run lacks a stage that the bundle's stage stands on.
    """
    exported = exporting_session()
    if run is None or stage == "base":
        made = {"preset": None, "seed": None, **exported, "languageModel": model_name(language)}
        made |= {"hours": 0, "stages": []}
        rows = base_data(made["languageModel"], named=data is not None)
        return {**made, "exported": exported, "data": rows}
    parts = describe_parts(run, stage)
    made = {**describe_work(run, parts), "languageModel": language_model(run, parts)}
    photos = captioned_photos(data, stage2_config_of(parts)["max_photos"])
    rows = base_data(made["languageModel"], named=data is not None)
    return {
        **made,
        "preset": made["preset"] or preset,
        "photos": {"source": photos.source, "train": photos.train},
        "stages": parts,
        "exported": exported,
        "data": [*rows, *run_data(run, parts, photos, relations=stage == "relational")],
    }


def describe_work(run: Path, parts: Sequence[Part]) -> dict[str, Any]:
    """The parts as one."""
    machines = [part["hardware"] for part in parts if part["hardware"]]
    return {
        "preset": preset_of(run, parts),
        "seed": stage2_config_of(parts)["seed"],
        "command": command_of(run, parts),
        "commit": ", ".join(distinct(parts, "commit")) or None,
        "hardware": "; ".join(dict.fromkeys(machines)),
        "hours": round(sum(part["hours"] for part in parts), 3),
    }


def describe_tuning(training: dict[str, Any], run: Path, name: str) -> dict[str, Any]:
    """A bundle's `training` after one more stage, which began with the bundle's own weights."""
    part = describe_loop(run, name)
    return {
        **training,
        "command": joined(" && ", training["command"], command_of(run, [part])),
        "commit": joined(", ", training["commit"], *distinct([part], "commit")),
        "hardware": joined("; ", training["hardware"], part["hardware"]),
        "hours": round(training["hours"] + part["hours"], 3),
        "stages": [*training["stages"], part],
        "exported": exporting_session(),
    }


def joined(separator: str, *values: str | None) -> str | None:
    """What the values list, each once."""
    items = [item for value in values if value for item in value.split(separator)]
    return separator.join(dict.fromkeys(items)) or None


def exporting_session() -> dict[str, Any]:
    return {name: value for name, value in session().items() if name in ("command", "commit", "hardware")}


def stage2_config_of(parts: Sequence[Part]) -> dict[str, Any]:
    return next(part["config"] for part in parts if part["name"] == STAGE2)


def describe_parts(run: Path, stage: str) -> list[Part]:
    described = [describe_part(run, name) for name in PARTS[stage]]
    return [part for part in described if part is not None]


def describe_part(run: Path, name: str) -> Part | None:
    """Nothing for a part that did not run, or of which nothing is known."""
    if name == PREPARE:
        kept = read_session(run / PREPARE / FILE) or run_record(run)["done"].get(PREPARE)
        return describe_kept(name, kept)
    if name == REFINEMENT:
        return describe_kept(name, read_session(refinement_file(run / STAGE3)))
    return describe_loop(run, name) if name in TRAINED or is_finished(run / name) else None


def describe_kept(name: str, kept: dict[str, Any] | None) -> Part | None:
    """A part that is no training loop, as `sessions` keeps it."""
    if kept is None:
        return None
    sessions = kept.get("sessions", [])
    more: dict[str, Any] = {key: kept[key] for key in ("config", "validation") if key in kept}
    return {
        "name": name,
        "hours": round(kept["seconds"] / 3600, 3),
        "hardware": joined_hardware(sessions),
        "sessions": sessions,
        **more,
    }


def describe_loop(run: Path, name: str) -> Part:
    folder = run / name
    state = json.loads((checkpoint_folder(folder, "last") / "state.json").read_text(encoding="utf-8"))
    sessions = state.get("sessions", [])
    return {
        "name": name,
        "config": json.loads((folder / "config.json").read_text(encoding="utf-8")),
        "hours": round(state["seconds"] / 3600, 3),
        "hardware": joined_hardware([{"hardware": state["hardware"]}, *sessions]),
        "sessions": sessions,
        "steps": state["step"],
        "bestStep": state["bestStep"],
        "validation": next((h for h in state["history"] if h["step"] == state["bestStep"]), None),
    }


def joined_hardware(sessions: Sequence[dict[str, Any]]) -> str | None:
    return "; ".join(dict.fromkeys(kept["hardware"] for kept in sessions)) or None


def distinct(parts: Sequence[Part], name: str) -> list[str]:
    """Values of the parts' sessions in the order of the work."""
    values = [kept.get(name) for part in parts for kept in part["sessions"]]
    return list(dict.fromkeys(value for value in values if value is not None))


def command_of(run: Path, parts: Sequence[Part]) -> str | None:
    """Every command that did a part of the work, in order; before them what is known of those not recorded."""
    # The first step that a session did: steps before it are a command's that recorded nothing.
    complete = all(part["sessions"] and not part["sessions"][0].get("step") for part in parts)
    lines = distinct(parts, "command")
    configuration = run_record(run)["configuration"]
    if not complete and configuration is not None:
        words = ["--preset", configuration["preset"]]
        words += [word for override in configuration["set"] for word in ("--set", override)]
        lines = [f"python -m groundwire_training all {shlex.join(words)} {UNRECORDED}", *lines]
    return " && ".join(lines) or None


def preset_of(run: Path, parts: Sequence[Part]) -> str | None:
    return next(iter(distinct(parts, "preset")), (run_record(run)["configuration"] or {}).get("preset"))


def language_model(run: Path, parts: Sequence[Part]) -> str:
    """The BERT that stage 2 began with. A run that did not record it had MiniLM, if its sizes are MiniLM's."""
    recorded = distinct([part for part in parts if part["name"] in READ_BERT], "languageModel")
    if recorded:
        return recorded[0]
    config = json.loads((run / STAGE2 / "language" / "config.json").read_text(encoding="utf-8"))
    sizes = (config.get("hidden_size"), config.get("num_hidden_layers"))
    return MINILM if sizes == (384, 6) else "bert"


def run_record(run: Path) -> dict[str, Any]:
    """What `all` keeps of a run: its configuration and which steps are done."""
    path = run / "all.json"
    if not path.is_file():
        return {"configuration": None, "done": {}}
    return json.loads(path.read_text(encoding="utf-8"))
