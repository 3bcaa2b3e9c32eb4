"""`python -m groundwire_training STAGE`: one entry for every stage.

A stage is a module with `add_arguments(parser)` and `run(args) -> int`; it is imported only when it is
asked for, so that `--help` is instant.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence

from .sessions import FILE, running, save_session

STAGES = {
    "prepare": ("prepare", "turn downloads (photos, captions, graphs, triples) into training manifests"),
    "stage1": ("stage1", "visual stream: classify ImageNet-style folders"),
    "stage2": ("stage2", "two-stream contrast of photos and captions"),
    "stage3": ("stage3", "relational grounding of described objects"),
    "stage4": ("stage4", "cross-modal retrieval heads on frozen streams"),
    "export": ("export", "write a model bundle: ONNX graphs, lexicon, axes, manifest, model card"),
    "properties": (
        "properties",
        "colors, materials and shapes beyond their prior, into a finished bundle",
    ),
    "evaluate": ("evaluate", "measure a bundle or checkpoints; print JSON and Markdown"),
    "all": ("run_all", "prepare, four stages, export, properties, evaluate; resumes where it stopped"),
}
PRESETS = ("compact", "paper", "smoke")
# Parts of a run without the training loop that would keep their command and their time.
WITHOUT_LOOP = ("prepare",)


def main(argv: Sequence[str] | None = None) -> int:
    # A hub that cannot be reached costs minutes of retries; weights come from paths (see traps in README).
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m groundwire_training", description=__doc__.splitlines()[0]
    )
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    named = next((word for word in arguments if word in STAGES), None)
    for stage, (module, summary) in STAGES.items():
        stage_parser = stages.add_parser(stage, help=summary, description=summary)
        stage_parser.add_argument("--preset", choices=PRESETS, default="compact", help="default: %(default)s")
        if stage == named:
            loaded = importlib.import_module(f"groundwire_training.{module}")
            loaded.add_arguments(stage_parser)
            stage_parser.set_defaults(run=loaded.run)
    args = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        with running(arguments, args):
            status = args.run(args)
            if status == 0 and args.stage in WITHOUT_LOOP:
                save_session(args.run_dir / args.stage / FILE, time.monotonic() - started)
            return status
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        print(f"groundwire_training {args.stage}: {error}", file=sys.stderr)
        return 1
