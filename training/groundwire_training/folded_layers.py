"""MobileNetV2's layers as a training step computes them on a CPU: the same sums, in fewer passes over memory.

Batch normalisation with fixed statistics is folded into its convolution, so that nothing passes over a grid for it;
gradients reach its weights through the fold. A strided depthwise convolution computes every position and keeps every
other: oneDNN's backward pass over strides takes several times as long. TensorFlow's padding is then the plain kind.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d
from transformers.models.mobilenet_v2.modeling_mobilenet_v2 import (
    MobileNetV2ConvLayer,
    MobileNetV2InvertedResidual,
)


def run_folded(layers: nn.Sequential, grid_bchw: Tensor) -> Tensor:
    """What the layers return for grids [B, C, H, W], their statistics fixed."""
    for layer in layers:
        grid_bchw = run_layer(layer, grid_bchw)
    return grid_bchw


def run_layer(layer: nn.Module, grid_bchw: Tensor) -> Tensor:
    if isinstance(layer, MobileNetV2InvertedResidual):
        wide = convolve(layer.conv_3x3, convolve(layer.expand_1x1, grid_bchw))
        narrow = convolve(layer.reduce_1x1, wide)
        return grid_bchw + narrow if layer.use_residual else narrow
    return convolve(layer, grid_bchw) if isinstance(layer, MobileNetV2ConvLayer) else layer(grid_bchw)


def convolve(layer: MobileNetV2ConvLayer, grid_bchw: Tensor) -> Tensor:
    convolution, normalization = layer.convolution, layer.normalization
    mean_c, variance_c = normalization.running_mean, normalization.running_var
    assert mean_c is not None and variance_c is not None
    gain_c = normalization.weight * (variance_c + normalization.eps).rsqrt()
    hidden = conv2d(
        grid_bchw,
        convolution.weight * gain_c.view(-1, 1, 1, 1),
        normalization.bias - mean_c * gain_c,
        padding=convolution.kernel_size[0] // 2,
        groups=convolution.groups,
    )
    if convolution.stride[0] == 2:
        # TensorFlow pads an even side at its end alone, so that windows are centered on odd positions.
        hidden = EveryOther.apply(hidden, 1 - grid_bchw.shape[2] % 2)
    return hidden if layer.activation is None else Relu6.apply(hidden)


class EveryOther(torch.autograd.Function):
    """Every other row and column of [B, C, H, W] from the `first` on. PyTorch's own slice has gradients with channels
    first in memory, and every layer before it would turn them round."""

    @staticmethod
    def forward(ctx: Any, grid_bchw: Tensor, first: int) -> Tensor:
        ctx.shape, ctx.first = grid_bchw.shape, first
        return grid_bchw[:, :, first::2, first::2].contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_bchw: Tensor) -> tuple[Tensor, None]:
        whole = torch.empty(
            ctx.shape,
            dtype=slope_bchw.dtype,
            device=slope_bchw.device,
            memory_format=torch.channels_last,
        ).zero_()
        whole[:, :, ctx.first :: 2, ctx.first :: 2] = slope_bchw
        return whole, None


class Relu6(torch.autograd.Function):
    """In the place of its input, as no convolution's output is needed again: PyTorch's own would keep a copy."""

    @staticmethod
    def forward(ctx: Any, grid_bchw: Tensor) -> Tensor:
        ctx.mark_dirty(grid_bchw.clamp_(0, 6))
        ctx.save_for_backward(grid_bchw)
        return grid_bchw

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_bchw: Tensor) -> Tensor:
        return torch.ops.aten.hardtanh_backward(slope_bchw, ctx.saved_tensors[0], 0, 6)
