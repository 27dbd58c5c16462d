"""Who is closed when a server stops, and when."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.overload import drain as module
from smbquic.overload import slices
from smbquic.overload.drain import STOPPING, drain
from smbquic.overload.slices import SLICE
from smbquic.transport.base import Flow
from tests.unit.clock import Clock

NOTHING = Flow(sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False)


class Client:
    """A connection whose `flow` a test sets; it leaves the server when it is closed."""

    def __init__(self, connections: dict[Any, None], clock: Clock, **fields: bool) -> None:
        self.may_have_opens = fields.get("opens", False)
        self.is_working = fields.get("working", False)
        self.current = NOTHING
        self.closed: float | None = None
        self.transport = SimpleNamespace(flow=lambda: self.current, close=self.close)
        self._connections = connections
        self._clock = clock
        connections[self] = None

    def close(self, reason: str) -> None:
        assert reason == STOPPING
        self.closed = self._clock.now
        del self._connections[self]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the loop, which goes on by an eighth of a second at each check."""
    clock = Clock(0.0)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    loop = SimpleNamespace(time=clock)
    patched = SimpleNamespace(sleep=sleep, get_running_loop=lambda: loop)
    monkeypatch.setattr(module, "asyncio", patched)
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.125)
    return clock


async def test_idle_connections_are_closed(clock: Clock) -> None:
    connections: dict[Any, None] = {}
    idle, opens = Client(connections, clock), Client(connections, clock, opens=True)

    await module._close_idle(connections, 60.0)

    assert (idle.closed, opens.closed) == (0.5, 2.0)
    assert clock.now == 2.125


async def test_until_the_time_is_up(clock: Clock) -> None:
    connections: dict[Any, None] = {}
    reads, works = Client(connections, clock), Client(connections, clock, working=True)
    reads.current = replace(NOTHING, sent=5, untaken=1)

    await module._close_idle(connections, 4.0)

    assert list(connections) == [reads, works]
    assert clock.now == 4.0


@pytest.mark.parametrize("sends", [True, False])
async def test_what_moves_is_not_idle(clock: Clock, sends: bool) -> None:
    connections: dict[Any, None] = {}
    client = Client(connections, clock)

    def flow() -> Flow:
        moved = min(int(clock.now * 4), 8)
        return replace(NOTHING, received=moved) if sends else replace(NOTHING, sent=moved)

    client.transport.flow = flow
    await module._close_idle(connections, 60.0)

    # The last byte came after 2 seconds.
    assert client.closed == 2.5


@pytest.mark.parametrize("hurry", [True, False])
async def test_the_log_says_how_many_were_not_done(
    caplog: pytest.LogCaptureFixture, hurry: bool
) -> None:
    connections: dict[Any, None] = {}
    for _ in range(2):
        Client(connections, Clock(), working=True)
    hurried = asyncio.Event()
    if hurry:
        hurried.set()

    await drain(connections, 3600.0 if hurry else 0.0, hurried)

    [message] = caplog.messages
    assert message.startswith("2 connections are closed before their requests are done")


async def test_who_is_done_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()

    await drain({}, 3600.0, asyncio.Event())
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
    assert not caplog.messages


async def test_many_connections_are_checked_in_slices(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = 0.00001
    work_clock = Clock()
    monkeypatch.setattr(slices, "perf_counter", work_clock)
    connections: dict[Any, None] = {}
    looked_at = [0]

    def flow() -> Flow:
        work_clock.advance(cost)
        looked_at[-1] += 1
        return NOTHING

    for _ in range(5000):
        Client(connections, clock).transport.flow = flow
    draining = asyncio.create_task(module._close_idle(connections, 60.0))
    while not draining.done():
        looked_at.append(0)
        await asyncio.sleep(0)

    assert not connections
    assert sum(looked_at) == 5 * 5000
    assert max(looked_at) <= SLICE / cost + 1


async def test_who_ends_during_a_check_is_not_closed(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE", 0.0)
    connections: dict[Any, None] = {}
    first, second = Client(connections, clock), Client(connections, clock)

    def close(reason: str) -> None:
        connections.clear()

    first.transport.close = close
    await module._close_idle(connections, 60.0)

    assert second.closed is None
