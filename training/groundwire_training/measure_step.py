"""`python -m groundwire_training.measure_step`: what a training step of each stage makes of the hardware.

Prints, for a preset's shapes on random inputs, images/s, the share of this machine's measured matrix-product
rate that the step's arithmetic reaches, and peak memory; one JSON object a stage.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from .bench_step import take_step
from .hardware import hardware
from .sessions import current_commit
from .synthetic_steps import Shapes, SyntheticStep, make_step

STAGES = ("stage1", "stage2", "stage3", "stage4")
MATRIX_SIDE = {"cuda": 8192, "cpu": 2048}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=("compact", "paper", "smoke"), default="paper")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--photos", type=int, help="of a step (default: the preset's batch)")
    parser.add_argument("--repeats", type=int, default=10, help="timed steps (default: %(default)s)")
    parser.add_argument("--precision", choices=("preset", "bf16", "float32"), default="preset")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # On a GPU, float32 products then run on the tensor cores, in the step and in the measured peak alike.
    torch.set_float32_matmul_precision("high")
    for stage in args.stages:
        print(json.dumps(measure_stage(stage, args, device)), flush=True)


def measure_stage(stage: str, args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    reset_memory(device)
    step = make_step(stage, args.preset, device, Shapes(photos=args.photos))
    bf16 = step.bf16 if args.precision == "preset" else args.precision == "bf16"
    optimizer = torch.optim.AdamW([p for p in step.model.parameters() if p.requires_grad], lr=1e-6)
    operations = count_operations(step, bf16)
    seconds = statistics.median(
        [time_step(step, optimizer, bf16, device) for _ in range(args.repeats + 2)][2:]
    )
    peak = matrix_peak(device, bf16)
    return {
        "stage": stage,
        "preset": args.preset,
        "precision": "bf16" if bf16 else "float32",
        "photosPerStep": step.photos,
        "imagesPerSecond": step.photos / seconds,
        "matmulTflops": operations / seconds / 1e12,
        "measuredPeakTflops": peak / 1e12,
        "shareOfPeak": operations / seconds / peak,
        "peakMemoryGib": peak_memory(device) / 2**30,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else hardware(),
        "commit": current_commit(),
    }


def count_operations(step: SyntheticStep, bf16: bool) -> int:
    """Floating-point operations of the matrix products of one step, forward and backward."""
    counter = FlopCounterMode(display=False)
    with counter:
        take_step(step, step.loss, bf16)
    return counter.get_total_flops()


def time_step(
    step: SyntheticStep, optimizer: torch.optim.Optimizer, bf16: bool, device: torch.device
) -> float:
    synchronize(device)
    started = time.perf_counter()
    take_step(step, step.loss, bf16)
    optimizer.step()
    synchronize(device)
    return time.perf_counter() - started


def matrix_peak(device: torch.device, bf16: bool, repeats: int = 10) -> float:
    """Operations a second of one large square product: the best of the repeats."""
    side = MATRIX_SIDE[device.type]
    kind = torch.bfloat16 if bf16 else torch.float32
    left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    best = float("inf")
    for _ in range(repeats + 1):
        synchronize(device)
        started = time.perf_counter()
        torch.mm(left, right)
        synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Bytes; on a CPU, of the whole process since its start."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
