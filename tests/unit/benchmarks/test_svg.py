"""The marks of an axis."""

import pytest

from benchmarks import svg


@pytest.mark.parametrize("top", [0.003, 1, 7.3, 99, 100, 101, 12345])
def test_an_axis_has_round_numbers_and_room(top: float) -> None:
    marks = svg.steps(top)
    assert marks[0] == 0
    assert marks[-1] >= top * 0.999
    assert 3 <= len(marks) <= 6


def test_an_axis_of_nothing() -> None:
    assert svg.steps(0) == [0.0, 1.0]
