import asyncio
from typing import Any

import pytest

from smbquic.observe.loop_lag import LoopLag


class Loop:
    """An event loop whose time a test sets, with one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Any, *arguments: Any) -> "Loop":
        self.timers.append((when, lambda: call(*arguments)))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def run(self, late: float) -> None:
        when, call = self.timers.pop()
        self.now = when + late
        call()


def test_it_measures_how_late_its_timer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, lag = Loop(), LoopLag()
    monkeypatch.setattr("smbquic.observe.loop_lag.asyncio.get_running_loop", lambda: loop)
    lag.start()
    for late in (0.0, 0.004, 2.0):
        loop.run(late)
    assert lag.lags.count == 3
    assert lag.lags.counts[0] == 1
    assert lag.lags.total == pytest.approx(2.004)
    lag.stop()
    assert loop.timers == []


async def test_it_may_be_stopped_at_any_time() -> None:
    lag = LoopLag()
    lag.stop()
    lag.start()
    lag.stop()
    await asyncio.sleep(0)
    assert lag.lags.count == 0
