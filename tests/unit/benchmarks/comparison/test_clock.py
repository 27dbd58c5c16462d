import time
from dataclasses import dataclass

import pytest

from benchmarks.comparison.clock import ClockError, WallClock
from tests.clock import again_if_the_clock_is_set

MS = 10**6


@dataclass
class Clocks:
    """Both clocks, in nanoseconds. `pause` is what passes between two looks at them."""

    now: int = 5_000 * MS
    ahead: int = 1_700_000_000 * 10**9
    pause: int = 100

    def monotonic_ns(self) -> int:
        self.now += self.pause
        return self.now

    def time_ns(self) -> int:
        return self.monotonic_ns() + self.ahead


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks()
    monkeypatch.setattr(time, "monotonic_ns", made.monotonic_ns)
    monkeypatch.setattr(time, "time_ns", made.time_ns)
    return made


def test_the_real_one_is_not_set_in_the_twinkling_of_an_eye() -> None:
    assert not WallClock().was_set()


def test_time_that_passes_sets_nothing(clocks: Clocks) -> None:
    clock = WallClock()
    clocks.now += 10**15
    assert not clock.was_set()


@pytest.mark.parametrize("step", [3600 * 1000 * MS, MS, -MS, -800 * MS])
def test_a_step_either_way_is_seen(clocks: Clocks, step: int) -> None:
    clock = WallClock()
    clocks.ahead += step
    assert clock.was_set()
    clocks.ahead -= step
    assert not clock.was_set()


def test_a_pause_between_two_looks_is_no_step(clocks: Clocks) -> None:
    clock = WallClock()
    clocks.pause = 300 * MS
    assert not clock.was_set()


def test_a_stamp_is_a_time_of_the_monotonic_clock(clocks: Clocks) -> None:
    clock = WallClock()
    assert clock.monotonic(clocks.ahead + 7_000 * MS) == pytest.approx(7.0, abs=1e-6)


@pytest.mark.parametrize("outcome", [None, AssertionError(), ClockError()])
def test_a_test_during_which_it_was_set_is_run_again(
    clocks: Clocks, outcome: Exception | None
) -> None:
    runs: list[int] = []

    @again_if_the_clock_is_set
    def timed() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            clocks.ahead -= 800 * MS
            if outcome is not None:
                raise outcome

    timed()
    assert runs == [0, 1]


def test_a_test_that_fails_by_itself_fails(clocks: Clocks) -> None:
    @again_if_the_clock_is_set
    def wrong() -> None:
        runs.append(True)
        raise ZeroDivisionError

    runs: list[bool] = []
    with pytest.raises(ZeroDivisionError):
        wrong()
    assert runs == [True]
