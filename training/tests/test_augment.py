"""Photos that are changed while training, and only then."""

from __future__ import annotations

import torch

from groundwire_training.augment import LIGHT, SMALLEST_SIDE, Augment, random_crop, relight


def ramp(size: int = 64) -> torch.Tensor:
    """Brighter to the right, from -1 to 1."""
    return torch.linspace(-1, 1, size).expand(8, 3, size, size).clone()


def test_photos_are_left_alone_in_evaluation_mode():
    photos = ramp()
    assert torch.equal(Augment().eval()(photos), photos)


def test_the_same_seed_changes_photos_alike_and_each_in_its_own_way():
    augment = Augment().train()
    changed = [(torch.manual_seed(3), augment(ramp()))[1] for _ in range(2)]
    assert torch.equal(*changed)
    assert not torch.equal(changed[0][0], changed[0][1])
    assert changed[0].shape == ramp().shape
    assert changed[0].abs().max() <= 1


def test_a_crop_shows_a_part_that_lies_in_the_photo():
    torch.manual_seed(0)
    rows = random_crop(ramp())[:, 0, 32]
    steps = rows.diff(dim=1)
    assert (steps > 0).all(), "what was to the right still is"
    shown = (rows[:, -1] - rows[:, 0]) / 2
    assert (shown > SMALLEST_SIDE - 0.05).all()
    assert (shown < 1).all()


def test_light_keeps_gray_gray_and_within_its_bounds():
    torch.manual_seed(0)
    gray = torch.zeros(16, 3, 4, 4)
    lit = relight(gray)
    assert torch.allclose(lit[:, 0], lit[:, 2])
    assert lit.abs().max() <= LIGHT + 1e-6
    assert lit.std() > 0
