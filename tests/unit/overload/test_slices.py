"""Long work on the event loop, done in slices."""

import asyncio

import pytest

from smbquic.overload import slices
from smbquic.overload.slices import Slices
from tests.unit.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(slices, "perf_counter", clock)
    return clock


@pytest.mark.parametrize(("seconds", "over"), [(0.0, False), (0.0029, False), (0.0031, True)])
def test_a_slice_ends_with_its_time(clock: Clock, seconds: float, over: bool) -> None:
    work = Slices()
    clock.advance(seconds)
    assert work.is_over is over


async def test_others_are_served_after_a_slice(clock: Clock) -> None:
    work = Slices()
    served: list[int] = []
    asyncio.get_running_loop().call_soon(served.append, 1)
    clock.advance(0.002)
    await work.step()
    assert served == []
    clock.advance(0.002)
    await work.step()
    assert served == [1]


async def test_what_others_take_is_not_of_the_next_slice(clock: Clock) -> None:
    work = Slices()
    clock.advance(0.004)
    asyncio.get_running_loop().call_soon(clock.advance, 1.0)
    await work.step()
    assert not work.is_over
