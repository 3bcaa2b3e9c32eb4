"""Checkpoints: safetensors and JSON, written whole or not at all, loaded strictly.

`<run>/<stage>/progress.json` names the last and the best checkpoint folder, `step-<n>`; replacing that
file is the one atomic act that makes a checkpoint exist. A folder holds one safetensors file a module,
`optimizer.safetensors` and `state.json`. Random numbers need no saving: each step seeds them from the run's
seed and its own number.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

PROGRESS = "progress.json"


def save_checkpoint(
    stage_dir: Path,
    *,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    best: bool,
) -> Path:
    """Writes `step-<state["step"]>` and points `last`, and with `best` also `best`, at it."""
    folder = stage_dir / f"step-{state['step']:08d}"
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, module in modules.items():
        save_file(tensors_of(module), partial / f"{name}.safetensors")
    save_file(flatten_optimizer(optimizer), partial / "optimizer.safetensors")
    (partial / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    progress = read_progress(stage_dir) or {}
    progress = {**progress, "last": folder.name, **({"best": folder.name} if best else {})}
    write_json(stage_dir / PROGRESS, progress)
    remove_others(stage_dir, keep=set(progress.values()))
    return folder


def mark_finished(stage_dir: Path) -> None:
    progress = read_progress(stage_dir)
    assert progress is not None, "a stage finishes after its last checkpoint"
    write_json(stage_dir / PROGRESS, {**progress, "finished": progress["last"]})


def read_progress(stage_dir: Path) -> dict[str, str] | None:
    path = stage_dir / PROGRESS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def is_finished(stage_dir: Path) -> bool:
    return "finished" in (read_progress(stage_dir) or {})


def require_finished(run_dir: Path, *stages: str) -> None:
    """Raises `ValueError` naming the first of a run's stages that has begun and not ended, or not begun: what is
    built on it would be built on weights that are still to change."""
    for stage in stages:
        if not is_finished(run_dir / stage):
            begun = "is not finished" if read_progress(run_dir / stage) else "has not run"
            raise ValueError(f"{stage}: {begun} in {run_dir}; run it to its end first")


def checkpoint_folder(stage_dir: Path, which: str = "best") -> Path:
    """Folder of the `best` or `last` checkpoint. Raises `FileNotFoundError` when there is none yet."""
    progress = read_progress(stage_dir) or {}
    name = progress.get(which) or progress.get("last")
    if name is None:
        raise FileNotFoundError(f"{stage_dir}: holds no checkpoint yet; run the stage first")
    return stage_dir / name


def load_module(module: nn.Module, path: Path, *, may_miss: frozenset[str] = frozenset()) -> None:
    """Loads weights strictly: only the names in `may_miss` may be absent from the file."""
    result = module.load_state_dict(load_file(path), strict=False)
    missing = sorted(set(result.missing_keys) - may_miss)
    if missing or result.unexpected_keys:
        raise ValueError(
            f"{path}: weights do not fit; missing {missing}, unexpected {result.unexpected_keys}"
        )


def restore(
    folder: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Loads modules and optimizer in place; returns the saved state."""
    for name, module in modules.items():
        load_module(module, folder / f"{name}.safetensors")
    unflatten_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """`<parameter index>.<key>` -> tensor; hyperparameters come from the config and are not saved."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for index, entry in state.items()
        for key, value in entry.items()
        if value is not None
    }


def unflatten_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def write_json(path: Path, content: Any) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def remove_others(stage_dir: Path, keep: set[str]) -> None:
    for folder in stage_dir.glob("step-*"):
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
