"""What a run computes on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def has_bf16() -> bool:
    """Whether what a run computes on has bfloat16 itself. Emulated, it is slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(value for name, value in torch.cpu.get_capabilities().items() if name.endswith("bf16"))


def hardware() -> str:
    """The GPUs of this machine, if PyTorch sees any, its processor and its cores."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = (
        f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    )
    count = torch.cuda.device_count()
    return f"{count} x {torch.cuda.get_device_name()}, {processor}" if count else processor
