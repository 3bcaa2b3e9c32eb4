import numpy as np
import pytest

from groundwire_training.precision import Row, cosine, to_markdown


def test_cosine_is_of_directions() -> None:
    assert cosine(np.array([1.0, 0.0]), np.array([3.0, 0.0])) == pytest.approx(1)
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == pytest.approx(0)


@pytest.mark.parametrize(
    ("worst", "distance", "verdict"),
    [(0.9995, 1e-7, "yes"), (0.9985, 1e-7, "no"), (0.9995, 2e-5, "no")],
)
def test_a_candidate_passes_only_by_both_rules(worst: float, distance: float, verdict: str) -> None:
    row = Row("int8", 23.4, [1.0, 1.0], worst, distance)
    assert to_markdown([row]).splitlines()[-1].endswith(f"| {verdict} |")
