"""`python -m groundwire_training.bench_step`: images/s of a training step, loss included.

The peer takes the same step with the loss of `plain_losses`; the limit is forward and backward with a loss
of no cost. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .grounded_objects import IGNORED
from .hardware import hardware
from .losses import matchmap_similarity, symmetric_cross_entropy
from .plain_losses import (
    loop_class_loss,
    loop_matchmap,
    loop_relation_losses,
    loop_symmetric_cross_entropy,
)
from .relations import relation_losses
from .sessions import current_commit
from .synthetic_steps import PREDICATES, Shapes, SyntheticStep, make_step

SIGMA = 0.1
LOOPS = "plain loops"
LOSS_REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=("compact", "paper", "smoke"), default="compact")
    parser.add_argument("--photos", type=int, default=180, help="of a step (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=32, help="of a caption (default: %(default)s)")
    parser.add_argument("--positions", type=int, default=196, help="of a grid (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shapes = Shapes(photos=args.photos, tokens=args.tokens, positions=args.positions)
    steps = {stage: make_step(stage, args.preset, torch.device("cpu"), shapes) for stage in LOOP_LOSSES}
    rates = {stage: measure(step, LOOP_LOSSES[stage], args.repeats) for stage, step in steps.items()}
    losses = compare_losses(args)
    print(json.dumps(report(rates, losses)))


def measure(
    step: SyntheticStep, loop_loss: Callable[[SyntheticStep, Any], Tensor], repeats: int
) -> dict[str, float]:
    """Median photos/s of each way to end a step, their runs interleaved."""
    ways: dict[str, Callable[[Any], Tensor]] = {
        "ours": step.loss,
        LOOPS: lambda outputs: loop_loss(step, outputs),
        "limit": step.scalar,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, loss in ways.items():
            seconds[name].append(time_of(partial(take_step, step, loss)))
    return {name: step.photos / statistics.median(values) for name, values in seconds.items()}


def take_step(step: SyntheticStep, loss: Callable[[Any], Tensor], bf16: bool | None = None) -> None:
    """Forward and backward; `bf16` overrides the preset's precision."""
    step.model.zero_grad(set_to_none=True)
    device = next(step.model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=step.bf16 if bf16 is None else bf16):
        objective = loss(step.forward())
    objective.backward()


def stage2_loops(step: SyntheticStep, outputs: tuple[Tensor, Tensor]) -> Tensor:
    grid_bpd, tokens_tld = outputs
    mask_tl = torch.ones(tokens_tld.shape[:2], device=tokens_tld.device)
    return loop_symmetric_cross_entropy(loop_matchmap(grid_bpd, tokens_tld, mask_tl) / SIGMA)


def stage3_loops(step: SyntheticStep, outputs: Any) -> Tensor:
    given_pair, given_relation = loop_relation_losses(outputs.grounded_mp.float(), step.batch.labels_m)
    classes = loop_class_loss(outputs.class_scores_bnc.float(), step.batch.classes_bn, IGNORED)
    return classes + given_pair + given_relation


LOOP_LOSSES: dict[str, Callable[[SyntheticStep, Any], Tensor]] = {
    "stage2": stage2_loops,
    "stage3": stage3_loops,
}


def compare_losses(args: argparse.Namespace, width: int = 384) -> dict[str, Any]:
    """The losses alone, in float32: seconds forward and backward of both ways, and how far they differ."""
    torch.manual_seed(0)
    grid = (seven_bits(args.photos, args.positions, width) / 16).requires_grad_()
    tokens = seven_bits(args.photos, args.tokens, width).requires_grad_()
    mask = torch.ones(args.photos, args.tokens)
    scores = torch.randn(args.photos * 8, PREDICATES, requires_grad=True)
    labels = torch.randint(PREDICATES, (len(scores),))
    return {
        "matchmap": compare(
            lambda: symmetric_cross_entropy(matchmap_similarity(grid, tokens, mask) / SIGMA),
            lambda: loop_symmetric_cross_entropy(loop_matchmap(grid, tokens, mask) / SIGMA),
            [grid, tokens],
        ),
        "relations": compare(
            lambda: torch.stack(relation_losses(scores, labels)).sum(),
            lambda: torch.stack(loop_relation_losses(scores, labels)).sum(),
            [scores],
        ),
    }


def seven_bits(*shape: int) -> Tensor:
    """Numbers whose products' sums are exact in float32: each way adds in an order of its own, and where two positions
    are best but for rounding, each would let another one learn."""
    return torch.randint(-63, 64, shape) / 32


def compare(
    vectorized: Callable[[], Tensor], loops: Callable[[], Tensor], leaves: list[Tensor]
) -> dict[str, float]:
    """Median seconds of `LOSS_REPEATS` interleaved runs, and the largest difference of losses and gradients."""
    ways = {"vectorized": vectorized, "loops": loops}
    found: dict[str, list[Tensor]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in ways}

    def differentiate(name: str) -> None:
        value = ways[name]()
        found[name] = [value, *torch.autograd.grad(value, leaves)]

    for _ in range(LOSS_REPEATS):
        for name in ways:
            seconds[name].append(time_of(partial(differentiate, name)))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    pairs = zip(found["vectorized"], found["loops"], strict=True)
    return {
        "vectorizedSeconds": medians["vectorized"],
        "loopSeconds": medians["loops"],
        "speedup": medians["loops"] / medians["vectorized"],
        "maxAbsDifference": max(float((a - b).detach().abs().max()) for a, b in pairs),
    }


def report(rates: dict[str, dict[str, float]], losses: dict[str, Any]) -> dict[str, Any]:
    """Contract section 7, of stage 2; stage 3 stands beside it."""
    return {
        "name": "train-step",
        "unit": "images/s",
        **ratios(rates["stage2"]),
        "stage3": ratios(rates["stage3"]),
        "losses": losses,
        "machine": hardware(),
        "commit": current_commit(),
    }


def ratios(rate: dict[str, float]) -> dict[str, Any]:
    """To four digits, as the other benchmarks tell theirs."""

    def short(value: float) -> float:
        return float(f"{value:.4g}")

    return {
        "ours": short(rate["ours"]),
        "peers": {LOOPS: short(rate[LOOPS])},
        "limit": short(rate["limit"]),
        "ratioToLimit": short(rate["ours"] / rate["limit"]),
        "ratioToBestPeer": short(rate["ours"] / rate[LOOPS]),
    }


def time_of(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
