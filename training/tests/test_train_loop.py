"""The loop around every stage's step: its precision, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn

from groundwire_training.checkpoint import checkpoint_folder, read_progress
from groundwire_training.config import LoopConfig
from groundwire_training.stage4_config import STAGE4_PRESETS
from groundwire_training.train_loop import make_accelerator, train

CONFIG = STAGE4_PRESETS["smoke"]


class Steep:
    """A stage whose loss is finite everywhere, and whose slope is not from the second step on."""

    steps_per_epoch = 4

    def __init__(self, config: LoopConfig) -> None:
        self.config = config
        self.model = nn.Linear(1, 1, bias=False)

    def saved_modules(self) -> dict[str, nn.Module]:
        return {"model": self.model}

    def parameter_groups(self) -> list[dict]:
        return [{"params": list(self.model.parameters()), "lr": self.config.learning_rate}]

    def set_training(self) -> None:
        self.model.train()

    def batch(self, epoch: int, step: int, part: int, rank: int, world: int) -> Tensor:
        return torch.full((1, 1), float(step == 0))

    def loss(self, outputs: Tensor, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return outputs.abs().sqrt().sum() * 1.0, {}

    def validate(self, accelerator: Accelerator) -> dict[str, float]:
        return {"selection": 0.0}


@pytest.mark.parametrize("clip_norm", [None, 5.0])
def test_gradients_that_are_not_finite_end_the_run_before_they_move_a_weight(clip_norm, tmp_path):
    stage = Steep(replace(CONFIG, clip_norm=clip_norm, checkpoint_minutes=0.0))
    with pytest.raises(FloatingPointError, match=r"gradients: must be finite, got a norm of .* at step 2"):
        train(stage, tmp_path, description="steep")
    assert read_progress(tmp_path)["last"] == "step-00000001"
    saved = load_file(checkpoint_folder(tmp_path, "last") / "model.safetensors")["weight"]
    assert torch.equal(stage.model.weight.detach(), saved)
    assert saved.isfinite().all()


def test_stages_of_one_process_have_each_its_own_precision():
    for bf16 in (False, True, True, False):
        accelerator = make_accelerator(replace(CONFIG, bf16=bf16))
        with accelerator.autocast():
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if bf16 else torch.float32)
