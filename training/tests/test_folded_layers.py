"""What a training step computes on a CPU in place of slower layers is what they compute."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import MobileNetV2Config, MobileNetV2Model
from transformers.models.mobilenet_v2.modeling_mobilenet_v2 import MobileNetV2ConvLayer

from groundwire_training.folded_layers import run_folded
from groundwire_training.quick_dropout import QuickDropout, quicken_dropout


def mobilenet_blocks() -> nn.Sequential:
    """All kinds of layers: with a residual and without, of strides 1 and 2, and the last convolution."""
    torch.manual_seed(0)
    model = MobileNetV2Model(MobileNetV2Config(tf_padding=True))
    layers = nn.Sequential(*model.layer[3:7], MobileNetV2ConvLayer(model.config, 64, 128, kernel_size=1))
    for module in layers.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
    return layers.eval()


def output_and_gradients(layers: nn.Sequential, output: Tensor, grid: Tensor) -> list[Tensor]:
    leaves = [grid, *layers.parameters()]
    slopes = torch.linspace(-1, 1, output.numel()).view_as(output)
    return [output.detach(), *torch.autograd.grad((output * slopes).sum(), leaves)]


@pytest.mark.parametrize("side", [28, 27])
def test_folded_layers_are_the_layers_with_fixed_statistics_forward_and_backward(side):
    layers = mobilenet_blocks()
    grid = torch.randn(2, 32, side, side).to(memory_format=torch.channels_last).requires_grad_()
    plain = output_and_gradients(layers, layers(grid), grid)
    folded = output_and_gradients(layers, run_folded(layers, grid), grid)
    for one, other in zip(folded, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_quick_dropout_meets_its_rate_keeps_the_mean_and_drops_the_gradient_too():
    drop, hidden = QuickDropout(0.2), torch.ones(200_001, requires_grad=True)
    torch.manual_seed(1)
    dropped = drop(hidden)
    (slopes,) = torch.autograd.grad(dropped.sum(), [hidden])
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert float((dropped == 0).float().mean()) == pytest.approx(0.2, abs=0.005)
    assert torch.equal(slopes, dropped.detach())
    torch.manual_seed(1)
    assert torch.equal(drop(hidden), dropped), "the seed alone says what is dropped"
    assert not torch.equal(drop(hidden), dropped)
    assert drop.eval()(hidden) is hidden


def test_every_dropout_inside_a_module_is_replaced_once_at_its_rate():
    module = nn.ModuleDict({"a": nn.Dropout(0.3), "b": nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))})
    quicken_dropout(module)
    quicken_dropout(module)
    found = [child for child in module.modules() if isinstance(child, nn.Dropout)]
    assert [(type(child), child.p) for child in found] == [(QuickDropout, 0.3), (QuickDropout, 0.1)]
