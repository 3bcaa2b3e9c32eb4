"""The one training loop: every stage hands it a model, batches, a loss and a validation.

Killed at any moment and started again, a run ends with the same weights, bit for bit on CPU, as one left
alone: data order, dropout and learning rate depend only on the seed and the step's number.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from .checkpoint import checkpoint_folder, is_finished, mark_finished, read_progress, restore, save_checkpoint
from .config import LoopConfig, save_config
from .hardware import hardware
from .sessions import add_session

SELECTION = "selection"  # the key of `validate` by which checkpoints are ranked, higher is better


class Stage(Protocol):
    """What a stage gives to `train`."""

    steps_per_epoch: int

    @property
    def config(self) -> LoopConfig: ...

    @property
    def model(self) -> nn.Module:
        """Its forward takes a batch; all that learns is inside it."""

    def saved_modules(self) -> Mapping[str, nn.Module]:
        """Parts of the model, by the name of their weights file."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Learnable parameters with their peak `lr`."""

    def set_training(self) -> None:
        """Training mode for what learns, evaluation mode for what is frozen."""

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> Any:
        """This rank's share of accumulated part `part` of an epoch's step."""

    def loss(self, outputs: Any, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss over the part's rows of all ranks, and figures to log."""

    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        """Figures of the validation split, among them `selection`."""


def train(stage: Stage, stage_dir: Path, *, description: str) -> dict[str, Any]:
    """Trains to the end or to an early stop; returns the best checkpoint's state. Resumes by itself."""
    if is_finished(stage_dir):
        return final_state(stage_dir)
    config = stage.config
    torch.backends.cudnn.benchmark = True  # a step's shapes are those of the step before
    accelerator = make_accelerator(config)
    optimizer = make_optimizer(stage)
    state: dict[str, Any] = {
        "step": 0,
        "best": -math.inf,
        "bestStep": 0,
        "stale": 0,
        "seconds": 0.0,
        "hardware": hardware(),
        "sessions": [],
        "history": [],
    }
    stage_dir.mkdir(parents=True, exist_ok=True)
    if read_progress(stage_dir) is not None:
        state = restore(checkpoint_folder(stage_dir, "last"), stage.saved_modules(), optimizer)
    # A run that an older version began has none.
    state["sessions"] = add_session(state.get("sessions", []), step=state["step"])
    if accelerator.is_main_process:
        save_config(config, stage_dir / "config.json")
    module, optimizer = accelerator.prepare(LossModule(stage), optimizer)
    _Loop(stage, stage_dir, accelerator, module, optimizer, state, description).run()
    accelerator.wait_for_everyone()
    return final_state(stage_dir)


def final_state(stage_dir: Path) -> dict[str, Any]:
    return json.loads((checkpoint_folder(stage_dir, "last") / "state.json").read_text(encoding="utf-8"))


def make_accelerator(config: LoopConfig) -> Accelerator:
    """In the stage's precision, whatever that of a stage before it in this process."""
    precision = "bf16" if config.bf16 else "no"
    # The library keeps one precision a process, and refuses another. The process group is not part of it.
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    # An objective that is switched off leaves its head without gradients, which data-parallel must expect.
    data_parallel = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(
        mixed_precision=precision,
        cpu=not torch.cuda.is_available(),
        kwargs_handlers=[data_parallel],
    )


def use_one_thread() -> None:
    """For the calling thread. With more threads than processors, OpenMP's sleep at every turn instead of waiting a
    moment for each other, which took an eighth of a step (measured)."""
    torch.set_num_threads(1)
    torch.get_num_threads()  # Else the thread would take over, at its first product, what others have set by then.


class LossModule(nn.Module):
    """Batch -> (loss, figures). The loss is inside, so that data-parallel sees every parameter's use."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.model = stage.model
        self.loss = stage.loss

    def forward(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, figures = self.loss(self.model(batch), batch)
        return loss, {name: figure.detach() for name, figure in figures.items()}


def make_optimizer(stage: Stage) -> torch.optim.Optimizer:
    config = stage.config
    groups = [{**group, "peak": group["lr"]} for group in stage.parameter_groups()]
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, weight_decay=decay)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, betas=config.betas, weight_decay=decay)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=config.betas, weight_decay=decay, fused=True)
    raise ValueError(f"optimizer: must be adamw, adam or sgd, got {config.optimizer!r}")


def rate_at(config: LoopConfig, step: int, steps_per_epoch: int) -> float:
    """Factor on the peak learning rate before optimizer step `step` (from 0)."""
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "halving":
        return warmup * 0.5 ** (step // (steps_per_epoch * config.halve_every))
    if config.schedule == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * step / (steps_per_epoch * config.epochs)))
    raise ValueError(f"schedule: must be halving or cosine, got {config.schedule!r}")


class _Loop:
    def __init__(
        self,
        stage: Stage,
        stage_dir: Path,
        accelerator: Accelerator,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: dict[str, Any],
        description: str,
    ) -> None:
        self.stage, self.config, self.stage_dir = stage, stage.config, stage_dir
        self.accelerator, self.module, self.optimizer = accelerator, module, optimizer
        self.state, self.description = state, description
        self.started = time.monotonic() - state["seconds"]
        self.saved = time.monotonic()
        self.writer = (
            SummaryWriter(str(stage_dir / "tensorboard"), purge_step=state["step"] + 1)
            if accelerator.is_main_process
            else None
        )

    def run(self) -> None:
        total = self.config.epochs * self.stage.steps_per_epoch
        period = self.config.validate_every * self.stage.steps_per_epoch
        bar = tqdm(
            total=total,
            initial=self.state["step"],
            desc=self.description,
            mininterval=5,
            unit="step",
            disable=not self.accelerator.is_main_process,
        )
        batches = self.batches(range(self.state["step"], total))
        while self.state["step"] < total and not self.has_stalled():
            self.stage.set_training()
            loss, figures = self.step(self.state["step"], batches)
            self.state["step"] += 1
            self.log(loss, figures)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            if self.state["step"] % period == 0 or self.state["step"] == total:
                self.validate()
            elif time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes:
                self.save(best=False)
        batches.close()
        bar.close()
        if self.writer is not None:
            self.writer.close()
        if self.accelerator.is_main_process:
            mark_finished(self.stage_dir)

    def has_stalled(self) -> bool:
        return self.config.patience is not None and self.state["stale"] >= self.config.patience

    def batches(self, steps: range) -> Generator[Any, None, None]:
        """This rank's batches, part by part. Each is put together in a thread while the one before it is
        computed with: what a batch holds depends on its place alone."""
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        places = [
            (*divmod(step, self.stage.steps_per_epoch), part)
            for step in steps
            for part in range(self.config.accumulation)
        ]
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            pool.submit(use_one_thread).result()
            # What a thread sets for itself is also what later threads begin with.
            torch.set_num_threads(threads)
            ahead = pool.submit(self.stage.batch, *places[0], rank, world)
            for place in places[1:]:
                current, ahead = ahead, pool.submit(self.stage.batch, *place, rank, world)
                yield current.result()
            yield ahead.result()

    def step(self, step: int, batches: Iterator[Any]) -> tuple[float, dict[str, float]]:
        """One optimizer step, `accumulation` parts long. Raises `FloatingPointError` at a loss or gradients
        that are not finite, before the optimizer sees them."""
        rank = self.accelerator.process_index
        self.set_rates(rate_at(self.config, step, self.stage.steps_per_epoch))
        self.optimizer.zero_grad(set_to_none=True)
        totals: dict[str, float] = {}
        for part in range(self.config.accumulation):
            batch = next(batches)
            torch.manual_seed(hash_seed(self.config.seed, step, part, rank))
            with self.accelerator.autocast():
                loss, figures = self.module(batch)
            value = loss.item()
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"loss: must be finite, got {value} at step {step + 1}, part {part + 1}"
                )
            self.accelerator.backward(loss / self.config.accumulation)
            for name, figure in {"loss": loss, **figures}.items():
                totals[name] = totals.get(name, 0.0) + float(figure.detach()) / self.config.accumulation
        norm = self.gradient_norm()
        if not math.isfinite(norm):
            raise FloatingPointError(f"gradients: must be finite, got a norm of {norm} at step {step + 1}")
        if self.config.clip_norm is not None:
            totals["gradientNorm"] = norm
        self.optimizer.step()
        return totals.pop("loss"), totals

    def gradient_norm(self) -> float:
        """Of all that learns, before it is clipped to `clip_norm` where there is one."""
        if self.config.clip_norm is not None:
            return float(self.accelerator.clip_grad_norm_(self.module.parameters(), self.config.clip_norm))
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        return float(nn.utils.get_total_norm(gradients))

    def set_rates(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor

    def log(self, loss: float, figures: dict[str, float]) -> None:
        for name, value in {"loss": loss, **figures}.items():
            self.write(f"train/{name}", value)

    def write(self, name: str, value: float) -> None:
        if self.writer is not None:
            self.writer.add_scalar(name, value, self.state["step"])

    def validate(self) -> None:
        # Rounding may differ between devices: all stop early, or none, by the main process's figures.
        figures = broadcast_object_list([self.stage.validate(self.accelerator)])[0]
        better = figures[SELECTION] > self.state["best"]
        self.state["stale"] = 0 if better else self.state["stale"] + 1
        if better:
            self.state.update(best=figures[SELECTION], bestStep=self.state["step"])
        self.state["history"].append({"step": self.state["step"], **figures})
        for name, value in figures.items():
            self.write(f"validation/{name}", value)
        shown = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
        if self.accelerator.is_main_process:
            tqdm.write(f"{self.description} step {self.state['step']}: {shown}")
        self.save(best=better)

    def save(self, *, best: bool) -> None:
        self.saved = time.monotonic()
        self.state["seconds"] = time.monotonic() - self.started
        if self.accelerator.is_main_process:
            save_checkpoint(
                self.stage_dir,
                modules=self.stage.saved_modules(),
                optimizer=self.optimizer,
                state=self.state,
                best=best,
            )


def hash_seed(*numbers: int) -> int:
    """A 63-bit seed that differs for each tuple of small numbers."""
    seed = 0x9E3779B97F4A7C15
    for number in numbers:
        seed = ((seed ^ number) * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**64
        seed ^= seed >> 29
    return seed >> 1
