"""Convolutional trunks: photos to grids of features. Batch normalisation is folded or absent in both.

Shapes: B photos, P = G x G grid positions in row order, C channels. Input is float32 [B, 3, 224, 224]
with (pixel - 128) / 128, whatever the trunk: `Vgg16` re-normalises to the statistics it was trained on.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import MobileNetV2Config, MobileNetV2Model

from .augment import Augment
from .folded_layers import run_folded

log = logging.getLogger(__name__)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Channels per convolution of VGG-16; "M" halves the grid. The last pool is left out (paper, section 2.1).
VGG16_LAYERS = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
STRIDE_16_BLOCK = 11  # index of MobileNetV2's last block with 14 x 14 positions
TAIL_BLOCK = 3  # the first block of the tail that `mobilenet_v2_tuned` leaves to the visual stream


@dataclass(frozen=True)
class Grid:
    """What a trunk returns at 224 pixels."""

    side: int
    channels: int
    tail: Grid | None = None  # after the layers that are left to the visual stream, if any are

    @property
    def seen(self) -> Grid:
        """What the visual stream's 1x1 convolution sees."""
        return self.tail or self

    @property
    def positions(self) -> int:
        return self.side * self.side


# name -> grid; mobilenet_v2 ends at stride 32, mobilenet_v2_14 joins stride 16 with upsampled stride 32.
# mobilenet_v2_tuned stops at the first grid of 28 x 28: the blocks after it and the last convolution learn with
# the visual stream, for two fifths of the whole trunk's work, while a cache still holds what is frozen.
# mobilenet_v2_learned leaves all layers to it: its grid is the photo.
GRIDS = {
    "vgg16": Grid(14, 512),
    "mobilenet_v2": Grid(7, 1280),
    "mobilenet_v2_14": Grid(14, 96 + 1280),
    "mobilenet_v2_tuned": Grid(28, 32, tail=Grid(7, 1280)),
    "mobilenet_v2_learned": Grid(224, 3, tail=Grid(7, 1280)),
}


class Vgg16(nn.Module):
    """VGG-16 features without the last pool; parameter names are those of `vgg16-397923af.pth`."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for layer in VGG16_LAYERS:
            if isinstance(layer, int):
                layers += [nn.Conv2d(channels, layer, 3, padding=1), nn.ReLU()]
                channels = layer
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image_b3hw: Tensor) -> Tensor:
        unit = (image_b3hw * 128 + 128) / 255
        return to_positions(self.features((unit - self.mean) / self.std))


class MobileNetV2Trunk(nn.Module):
    """MobileNetV2 to its 1280 channels at stride 32, alone or joined with the 96 of stride 16."""

    def __init__(self, model: MobileNetV2Model, *, fine: bool) -> None:
        super().__init__()
        # Its layers and not the model, so that a graph's nodes bear the paths of their layers.
        self.conv_stem, self.layer, self.conv_1x1 = model.conv_stem, model.layer, model.conv_1x1
        self.fine = fine

    def forward(self, image_b3hw: Tensor) -> Tensor:
        hidden = self.conv_stem(image_b3hw)
        fine = hidden
        for index, block in enumerate(self.layer):
            hidden = block(hidden)
            if index == STRIDE_16_BLOCK:
                fine = hidden
        coarse = self.conv_1x1(hidden)
        if not self.fine:
            return to_positions(coarse)
        upsampled = nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return to_positions(torch.cat([fine, upsampled], dim=1))


class MobileNetV2Body(nn.Module):
    """MobileNetV2 up to the tail."""

    def __init__(self, model: MobileNetV2Model) -> None:
        super().__init__()
        self.layers = nn.Sequential(model.conv_stem, *model.layer[:TAIL_BLOCK])

    def forward(self, image_b3hw: Tensor) -> Tensor:
        return to_positions(self.layers(image_b3hw))


class Photo(nn.Module):
    """No layer at all: the photo's pixels are its grid."""

    def forward(self, image_b3hw: Tensor) -> Tensor:
        return to_positions(image_b3hw)


class MobileNetV2Tail(nn.Module):
    """The layers that a trunk leaves: its grid -> [B, P, 1280]. Its statistics stay ImageNet's; its weights
    learn. Photos are augmented first, while training."""

    def __init__(self, layers: Sequence[nn.Module], *, photos: bool) -> None:
        super().__init__()
        self.augment = Augment() if photos else None
        self.layers = nn.Sequential(*layers)

    def forward(self, grid_bpc: Tensor) -> Tensor:
        side = math.isqrt(grid_bpc.shape[1])
        # Positions before channels in memory is what PyTorch calls channels last: nothing is copied.
        grid_bchw = grid_bpc.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        if self.augment is not None:
            grid_bchw = self.augment(grid_bchw)
        folded = self.training and grid_bchw.device.type == "cpu"
        return to_positions(run_folded(self.layers, grid_bchw) if folded else self.layers(grid_bchw))

    def train(self, mode: bool = True) -> MobileNetV2Tail:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def to_input(pixels_bhw3: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W] in the trunks' range."""
    return (pixels_bhw3.permute(0, 3, 1, 2).float() - 128) / 128


def to_positions(grid_bchw: Tensor) -> Tensor:
    """[B, C, G, G] -> [B, P, C]"""
    return grid_bchw.flatten(2).transpose(1, 2)


def load_trunk(name: str, weights: Path | None) -> nn.Module:
    """A trunk with weights from a path, or random ones, which it says.

    `weights`: `vgg16-397923af.pth` for `vgg16`, a transformers directory for `mobilenet_v2*`.
    Raises `ValueError` for an unknown name and for weights that do not fit.
    """
    if name not in GRIDS:
        raise ValueError(f"trunk: must be one of {', '.join(GRIDS)}, got {name!r}")
    if weights is not None and not weights.exists():
        raise FileNotFoundError(f"trunk weights: {weights} is missing")
    if weights is None:
        log.warning("trunk %s: no weights given, it starts from random ones", name)
    # Random weights are the same in every stage and every run: features of one serve the next.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trunk: nn.Module
        if name == "vgg16":
            trunk = load_vgg16(weights)
        elif name == "mobilenet_v2_learned":
            trunk = Photo()
        elif name == "mobilenet_v2_tuned":
            trunk = MobileNetV2Body(load_mobilenet(weights))
        else:
            trunk = MobileNetV2Trunk(load_mobilenet(weights), fine=name == "mobilenet_v2_14")
        if weights is None:
            keep_scale(trunk)
    return trunk


def make_tail(name: str) -> MobileNetV2Tail | None:
    """The layers that a trunk leaves to the visual stream, not yet loaded; nothing where it leaves none."""
    return tail_of(name, load_mobilenet(None)) if GRIDS[name].tail else None


def tail_of(name: str, model: MobileNetV2Model) -> MobileNetV2Tail:
    if name == "mobilenet_v2_learned":
        return MobileNetV2Tail([model.conv_stem, *model.layer, model.conv_1x1], photos=True)
    return MobileNetV2Tail([*model.layer[TAIL_BLOCK:], model.conv_1x1], photos=False)


def load_tail(tail: MobileNetV2Tail, name: str, weights: Path | None) -> None:
    """The weights that go with the trunk's; without a path they stay random."""
    if weights is None:
        keep_scale(tail)
    else:
        tail.load_state_dict(tail_of(name, load_mobilenet(weights)).state_dict())


def keep_scale(trunk: nn.Module) -> None:
    """Random convolutions that neither shrink nor blow up what passes: with the usual ones a deep trunk's
    features are zero."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def default_weights(data: Path, trunk: str) -> Path | None:
    """Where the data folder holds a trunk's weights; nothing where it does not."""
    path = data / ("vgg16-397923af.pth" if trunk == "vgg16" else "mobilenet-v2-imagenet")
    return path if path.exists() else None


def load_vgg16(weights: Path | None) -> Vgg16:
    trunk = Vgg16()
    if weights is not None:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        # The published file also holds the classifier, which the grid does not pass through.
        trunk.load_state_dict(
            {k: v for k, v in state.items() if not k.startswith("classifier.")}, strict=True
        )
    return trunk


def load_mobilenet(folder: Path | None) -> MobileNetV2Model:
    """The convolutional part of a transformers MobileNetV2 directory, in float32."""
    if folder is None:
        return MobileNetV2Model(MobileNetV2Config(tf_padding=True))
    model = MobileNetV2Model(MobileNetV2Config.from_pretrained(folder))
    prefix = "mobilenet_v2."
    state = {
        name.removeprefix(prefix): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith("classifier.")
    }
    model.load_state_dict(state, strict=True)
    return model
