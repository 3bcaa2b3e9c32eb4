"""The loop around every stage's step: its precision, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import torch

from groundwire_training.stage4_config import STAGE4_PRESETS
from groundwire_training.train_loop import make_accelerator

CONFIG = STAGE4_PRESETS["smoke"]


def test_stages_of_one_process_have_each_its_own_precision():
    for bf16 in (False, True, True, False):
        accelerator = make_accelerator(replace(CONFIG, bf16=bf16))
        with accelerator.autocast():
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if bf16 else torch.float32)
