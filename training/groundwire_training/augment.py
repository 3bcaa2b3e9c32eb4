"""Random crops and light of photos; mirroring is the feature cache's.

No hue: captions name colors. Shapes: B photos of H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

SMALLEST_SIDE = 0.7  # of a crop, as a share of the photo's; each side is drawn, so that shapes stretch too
LIGHT = 0.25  # how far brightness, contrast and saturation go from 1, either way


class Augment(nn.Module):
    """float32 [B, 3, H, W] in -1 to 1, each photo changed in its own way; unchanged in evaluation mode."""

    def forward(self, image_b3hw: Tensor) -> Tensor:
        return relight(random_crop(image_b3hw)) if self.training else image_b3hw


def random_crop(image_b3hw: Tensor) -> Tensor:
    """A part of each photo, stretched to its size."""
    count, device = len(image_b3hw), image_b3hw.device
    sides_b2 = SMALLEST_SIDE + (1 - SMALLEST_SIDE) * torch.rand(count, 2, device=device)
    centers_b2 = (1 - sides_b2) * (2 * torch.rand(count, 2, device=device) - 1)
    maps_b23 = torch.cat([torch.diag_embed(sides_b2), centers_b2.unsqueeze(2)], 2)
    places = affine_grid(maps_b23, list(image_b3hw.shape), align_corners=False)
    return grid_sample(image_b3hw, places, mode="bilinear", padding_mode="reflection", align_corners=False)


def relight(image_b3hw: Tensor) -> Tensor:
    """Brightness, contrast against the photo's mean and saturation against its gray, each times 1 +- LIGHT."""
    factors = 1 + LIGHT * (2 * torch.rand(3, len(image_b3hw), 1, 1, 1, device=image_b3hw.device) - 1)
    brightness, contrast, saturation = factors
    image = (image_b3hw + 1) * brightness - 1
    mean = image.mean((1, 2, 3), keepdim=True)
    image = mean + (image - mean) * contrast
    gray = image.mean(1, keepdim=True)
    return (gray + (image - gray) * saturation).clamp(-1, 1)
