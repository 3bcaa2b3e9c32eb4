"""Runs of the training stages in processes of their own, which may be killed or be one of several."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwire_training import checkpoint, train_loop
from groundwire_training.cli import main

# Each child is forked from a server that has imported PyTorch once, and has computed nothing with it.
PRELOADED = ["stage_runs", "groundwire_training.stage1", "groundwire_training.stage3", "transformers"]


@dataclass(frozen=True)
class Death:
    """SIGKILL in checkpoint number `save`: before its first file, before its second, or before the run's
    progress names it."""

    save: int
    moment: str  # "start", "middle", "end"


def run_command(arguments: Sequence[str], death: Death | None = None) -> int:
    """Runs the command line in a child process; returns its exit status, negative for a signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    child = context.Process(target=command_child, args=(list(arguments), death))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def command_child(arguments: list[str], death: Death | None) -> None:
    if death is not None:
        die_at(death)
    sys.exit(main(arguments))


def die_at(death: Death) -> None:
    save_checkpoint, save_file, write_json = (
        checkpoint.save_checkpoint,
        checkpoint.save_file,
        checkpoint.write_json,
    )
    counts = {"saves": 0, "files": 0}

    def die_if(moment: str) -> None:
        if counts["saves"] == death.save and death.moment == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_save(*positional: Any, **named: Any) -> Path:
        counts["saves"] += 1
        counts["files"] = 0
        return save_checkpoint(*positional, **named)

    def counted_file(*positional: Any) -> None:
        die_if("middle" if counts["files"] else "start")
        counts["files"] += 1
        save_file(*positional)

    def counted_json(*positional: Any) -> None:
        die_if("end")
        write_json(*positional)

    train_loop.save_checkpoint = counted_save
    checkpoint.save_file = counted_file
    checkpoint.write_json = counted_json


def probe_gradients(arguments: Sequence[str], out: Path, processes: int) -> None:
    """Writes loss and gradients of the stage's first batch, computed by so many gloo processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    port = free_port()
    children = [
        context.Process(target=probe_child, args=(list(arguments), str(out), rank, processes, port))
        for rank in range(processes)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * processes


def probe_child(arguments: list[str], out: str, rank: int, processes: int, port: int) -> None:
    if processes > 1:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    module: Any = importlib.import_module(f"groundwire_training.{arguments[0]}")
    module.train = lambda stage, stage_dir, description: probe(stage, Path(out))
    main(arguments)
    sys.exit(1)  # the probe ends the process


def probe(stage: Any, out: Path) -> None:
    import torch
    from safetensors.torch import save_file

    accelerator = train_loop.make_accelerator(stage.config)
    module = accelerator.prepare(train_loop.LossModule(stage))
    stage.set_training()
    batch = stage.batch(0, 0, 0, accelerator.process_index, accelerator.num_processes)
    loss, _ = module(batch)
    accelerator.backward(loss)
    if accelerator.is_main_process:
        gradients = {n: p.grad for n, p in stage.model.named_parameters() if p.grad is not None}
        save_file({"loss": loss.detach().reshape(1), **gradients}, out)
    accelerator.wait_for_everyone()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    os._exit(0)


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return probe_socket.getsockname()[1]
