"""For tests that compare time stamps of the wall clock, which may be set at any time."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import pytest

from benchmarks.comparison.clock import ClockError, WallClock

P = ParamSpec("P")
ATTEMPTS = 5


def again_if_the_clock_is_set(test: Callable[P, None]) -> Callable[P, None]:
    """Whatever comes of a test while the clock is set counts for nothing: it is run again."""

    @wraps(test)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        for _ in range(ATTEMPTS):
            clock = WallClock()
            try:
                test(*arguments, **options)
            except (Exception, pytest.fail.Exception) as error:
                if not (isinstance(error, ClockError) or clock.was_set()):
                    raise
            else:
                if not clock.was_set():
                    return
        pytest.fail(f"the clock was set during each of {ATTEMPTS} attempts")

    return run
