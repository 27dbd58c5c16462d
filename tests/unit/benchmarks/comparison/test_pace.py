import pytest

from benchmarks.comparison.pace import Look, steady


def looks(*counts: int) -> list[Look]:
    """One each tenth of a second."""
    return [Look(10 + n / 10, 500 + count) for n, count in enumerate(counts)]


def test_the_start_up_and_the_end_do_not_count() -> None:
    # Slow at first, then 100 bytes in each tenth of a second, and a pause before the last look.
    seen = looks(0, 5, 20, 60, 160, 260, 360, 460, 500, 500, 500)
    # From 160 (more than a quarter of 500) to 460 (less than 98 %): 300 bytes in 0.3 s.
    assert steady(seen) == pytest.approx(8000)


def test_too_short_a_transfer_says_nothing() -> None:
    assert steady([]) is None
    assert steady(looks(0, 500)) is None
    assert steady(looks(0, 300, 500)) is None
