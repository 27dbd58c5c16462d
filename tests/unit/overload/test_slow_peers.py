"""Clients that read or write too slowly are disconnected; those above the rate are not."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.observe.audit import AuditLog
from smbquic.options.limits import Limits
from smbquic.overload import slices, slow_peers
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.slices import SLICE
from smbquic.overload.slow_peers import PeerProgress, SlowPeerMonitor
from smbquic.transport.base import Flow
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Connect, ServerWith

LIMITS = Limits(slow_seconds=30.0, slow_rate=1000)
ENOUGH = 30_000
NOTHING = Flow(sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False)

Step = tuple[float, Flow]


class RecordedReasons:
    """The events and reasons of what a server records."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str | None]] = []

    def write(self, line: str) -> None:
        record = json.loads(line)
        self.all.append((record["event"], record.get("reason")))


def reasons(*steps: Step) -> list[ServerRefusal | None]:
    progress = PeerProgress()
    return [progress.check(flow, now, LIMITS) for now, flow in steps]


def answers(sent: int, untaken: int) -> Flow:
    return replace(NOTHING, sent=sent, untaken=untaken, kept=untaken)


def check(monitor: SlowPeerMonitor, now: float) -> None:
    """Take all steps of a check."""
    for _ in monitor.check(now):
        pass


def part(received: int, messages: int) -> Flow:
    return replace(NOTHING, received=received, messages=messages, unfinished=True)


def test_a_client_that_takes_nothing() -> None:
    stuck = answers(1_000_000, 900_000)
    assert reasons((0, stuck), (29, stuck), (30, stuck)) == [None, None, ServerRefusal.SLOW_READER]


def test_a_client_that_takes_too_little() -> None:
    before, after = answers(1_000_000, 900_000), answers(1_000_000, 900_001 - ENOUGH)
    assert reasons((0, before), (30, after))[-1] is ServerRefusal.SLOW_READER


def test_a_client_that_has_taken_what_was_sent_before() -> None:
    """It begins anew then: what was sent meanwhile is a goal of its own."""
    steps = [(0, answers(1000, 900)), (30, answers(1900, 900)), (59, answers(1900, 900))]
    assert reasons(*steps) == [None] * 3
    assert reasons(*steps, (60, answers(1900, 900)))[-1] is ServerRefusal.SLOW_READER


def test_a_client_that_takes_enough_to_go_on() -> None:
    steps = [(30.0 * n, answers(1_000_000, 900_000 - n * ENOUGH)) for n in range(5)]
    assert reasons(*steps) == [None] * 5


def test_a_client_that_is_busy_sending_may_leave_answers_unread() -> None:
    steps = [
        (30.0 * n, replace(answers(100_000, 90_000), received=n * ENOUGH, messages=n))
        for n in range(7)
    ]
    assert reasons(*steps) == [None] * 7


def test_a_client_that_sends_next_to_nothing_and_takes_nothing() -> None:
    steps = [(30.0 * n, replace(answers(100_000, 90_000), received=n * 100)) for n in range(2)]
    assert reasons(*steps)[-1] is ServerRefusal.SLOW_READER


def test_a_client_that_always_has_a_little_under_way() -> None:
    """Small answers on a long path: what was owed is taken, and by then there is more."""
    steps = [(float(now), answers(100 * now, 100)) for now in range(1, 100)]
    assert set(reasons(*steps)) == {None}


def test_a_client_that_has_taken_everything_may_rest() -> None:
    stuck, done = answers(1000, 1000), answers(1000, 0)
    assert reasons((0, stuck), (20, done), (40, stuck), (60, stuck)) == [None] * 4


def test_a_client_that_does_not_finish_its_message() -> None:
    steps = [(float(now), part(5000 + now, 3)) for now in range(31)]
    assert reasons(*steps)[-2:] == [None, ServerRefusal.SLOW_WRITER]


def test_a_client_whose_messages_are_large() -> None:
    steps = [(30.0 * n, part(n * ENOUGH, 3)) for n in range(5)]
    assert reasons(*steps) == [None] * 5


def test_a_client_that_is_always_in_the_middle_of_another_message() -> None:
    steps = [(float(now), part(10 * now, now)) for now in range(100)]
    assert set(reasons(*steps)) == {None}


async def test_who_is_slow_is_hung_up_on_and_the_others_are_not(
    connect: Connect, server_with: ServerWith
) -> None:
    server, records = server_with(LIMITS), RecordedReasons()
    server.audit = AuditLog(records)
    slow, other = await connect(to=server), await connect(to=server)
    slow.transport.waits = answers(1000, 1000)
    for now in (1000.0, 1030.0):
        check(server.slow_peers, now)
    await slow.served

    assert slow.transport.closed == ServerRefusal.SLOW_READER.text
    assert await other.is_quiet()
    assert server.refusals.counts == {ServerRefusal.SLOW_READER: 1}
    assert ("refusal", "slow-reader") in records.all
    assert ("disconnection", "slow-reader") in records.all


async def test_a_client_that_is_hung_up_on_need_not_take_what_was_sent_to_it(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(LIMITS)
    client = await connect(to=server)
    client.transport.writable.clear()
    client.begin("file")
    client.transport.waits = answers(1000, 1000)
    for now in (1000.0, 1030.0):
        check(server.slow_peers, now)
    await client.served

    assert not server.connections


async def test_who_holds_the_most_makes_room_for_all(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(buffers=1000))
    greedy = [await connect(to=server, token="bob:secret") for _ in range(2)]
    modest = await connect(to=server)
    greedy[0].transport.waits = answers(400, 400)
    greedy[1].transport.waits = replace(NOTHING, received=300, unfetched=300)
    modest.transport.waits = answers(500, 500)
    check(server.slow_peers, 1.0)
    await greedy[0].served

    assert [bool(each.transport.closed) for each in (*greedy, modest)] == [True, False, False]
    assert server.slow_peers.waiting == 800
    assert server.refusals.counts == {ServerRefusal.MEMORY: 1}


class HoldingConnection:
    """A connection for which so much waits in memory."""

    last_message = None
    pending_bytes = 0
    quota = SimpleNamespace(user="alice")

    def __init__(self, size: int, dropped: list[int]) -> None:
        self.transport = SimpleNamespace(flow=lambda: answers(size, size))
        self.progress = PeerProgress()
        self._size = size
        self._dropped = dropped

    def drop(self, reason: ServerRefusal) -> None:
        assert reason is ServerRefusal.MEMORY
        self._dropped.append(self._size)


@pytest.mark.parametrize(
    ("buffers", "expected"), [(600, []), (599, [300]), (300, [300]), (299, [300, 200])]
)
def test_clients_are_disconnected_until_the_rest_fits(buffers: int, expected: list[int]) -> None:
    dropped: list[int] = []
    connections: list[Any] = [HoldingConnection(size, dropped) for size in (100, 300, 200)]
    monitor = SlowPeerMonitor(connections, Limits(buffers=buffers))

    check(monitor, 1.0)

    assert dropped == expected
    assert monitor.waiting == 600 - sum(dropped)


def test_what_was_received_and_sent_is_counted_once() -> None:
    one: Any = HoldingConnection(100, [])
    other: Any = HoldingConnection(200, [])
    connections: dict[Any, None] = {one: None, other: None}
    monitor = SlowPeerMonitor(connections, Limits())
    check(monitor, 1.0)
    check(monitor, 2.0)
    assert (monitor.received, monitor.sent) == (0, 300)
    assert monitor.moved[1:] == (0, 300)

    one.transport.flow = lambda: replace(answers(150, 0), received=7)
    del connections[one]
    monitor.ended(one)
    check(monitor, 3.0)
    assert (monitor.received, monitor.sent, monitor.closed) == (7, 350, 1)


async def test_the_patrol_walks_as_long_as_there_is_somebody(
    connect: Connect, server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.overload.slow_peers.INTERVAL", 0.01)
    server = server_with(Limits(slow_seconds=0.01, slow_rate=1))
    client = await connect(to=server)
    client.transport.waits = answers(1000, 1000)
    await client.served

    assert client.transport.closed == ServerRefusal.SLOW_READER.text


async def test_the_last_message_is_kept_for_the_next_one_only(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(LIMITS)
    await connect(to=server)
    [connection] = server.connections
    assert connection.last_message is not None
    check(server.slow_peers, 1.0)
    assert connection.last_message is None


async def test_checks_go_on_as_long_as_there_is_something_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections: list[Any] = []
    monitor = SlowPeerMonitor(connections, LIMITS)
    monkeypatch.setattr(monitor, "check", lambda now: iter([None]))

    def goes_on() -> bool:
        monitor.stop()
        monitor._begin()
        return monitor._next is not None

    assert not goes_on()
    connections.append("somebody")
    assert goes_on()
    connections.clear()
    monitor._heap.due = True
    assert goes_on()
    timer = monitor._next
    assert timer is not None
    monitor.start()
    assert monitor._next is timer
    monitor.stop()
    monitor.stop()
    assert timer.cancelled()


async def test_memory_is_returned_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    go_on = threading.Event()

    def trim() -> None:
        calls.append(threading.get_ident())
        assert go_on.wait(60)

    monkeypatch.setattr(slow_peers, "trim", trim)
    monitor = SlowPeerMonitor([], LIMITS)
    monkeypatch.setattr(monitor._heap, "update", lambda *counts: True)

    check(monitor, 1.0)
    check(monitor, 2.0)
    trimming = monitor._trimming
    assert trimming is not None
    go_on.set()
    await trimming

    assert len(calls) == 1
    assert threading.get_ident() not in calls
    assert monitor._trimming is None


def test_a_client_that_finishes_its_message_just_in_time() -> None:
    assert reasons((0, part(0, 3)), (30, part(10, 4))) == [None, None]


def test_all_that_waits_for_a_client_counts_and_all_that_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class WatchedConnection:
        transport = SimpleNamespace(
            flow=lambda: replace(NOTHING, sent=5, received=4, kept=20, unfetched=3)
        )
        progress = PeerProgress()
        last_message = None
        pending_bytes = 100

    connections: list[Any] = [WatchedConnection(), WatchedConnection()]
    monitor = SlowPeerMonitor(connections, LIMITS)
    assert (monitor.waiting, monitor.closed) == (0, 0)
    updates: list[tuple[int, ...]] = []
    monkeypatch.setattr(monitor._heap, "update", lambda *counts: updates.append(counts))

    check(monitor, 1.0)

    assert updates == [(18, 246, 0)]
    assert monitor.waiting == 246


COST = 0.00001
"""Seconds of each step of a check, by the clock of a test."""


class CountedConnections(dict[Any, None]):
    """Connections, each of which takes `COST` to look at; `slices` says how many at a time."""

    def __init__(self, clock: Clock, count: int) -> None:
        super().__init__()
        self.clock = clock
        self.slices = [0]
        self.dropped: list[int] = []
        for size in range(1, count + 1):
            connection = HoldingConnection(size, self.dropped)
            connection.transport.flow = partial(self.flow, size)
            self[connection] = None

    def flow(self, size: int) -> Flow:
        self.clock.advance(COST)
        self.slices[-1] += 1
        return answers(size, size)

    async def until(self, ended: Callable[[], bool]) -> None:
        while not ended():
            self.slices.append(0)
            await asyncio.sleep(0)


@pytest.fixture
def work_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of work in slices."""
    clock = Clock()
    monkeypatch.setattr(slices, "perf_counter", clock)
    return clock


async def test_many_connections_are_checked_in_slices(work_clock: Clock) -> None:
    connections = CountedConnections(work_clock, 5000)
    monitor = SlowPeerMonitor(connections, LIMITS)
    monitor._begin()
    await connections.until(lambda: monitor.waiting > 0)
    monitor.stop()

    assert sum(connections.slices) == 5000
    assert max(connections.slices) <= SLICE / COST + 1
    assert monitor.waiting == monitor.sent == 5000 * 5001 // 2


async def test_a_stopped_check_is_not_continued(work_clock: Clock) -> None:
    connections = CountedConnections(work_clock, 5000)
    monitor = SlowPeerMonitor(connections, LIMITS)
    monitor._begin()
    monitor.start()  # it goes on, and no other one begins beside it
    monitor.stop()
    for _ in range(5):
        await asyncio.sleep(0)

    assert sum(connections.slices) <= SLICE / COST + 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_many_clients_are_disconnected_in_slices(work_clock: Clock) -> None:
    connections = CountedConnections(work_clock, 5000)
    per_slice = [0]

    class SlowList(list[int]):
        def append(self, size: int) -> None:
            work_clock.advance(COST)
            per_slice[-1] += 1
            super().append(size)

    dropped = SlowList()
    for connection in connections:
        connection._dropped = dropped
    monitor = SlowPeerMonitor(connections, Limits(buffers=500_000))
    monitor._begin()
    while monitor.waiting == 0 or monitor.waiting > 500_000:
        per_slice.append(0)
        await asyncio.sleep(0)
    monitor.stop()

    # Those of 1 to 999 bytes are left, which is half a million with the one of 1000.
    assert dropped == list(range(5000, 999, -1))
    assert max(per_slice) <= SLICE / COST + 1


async def test_who_ends_during_a_check_does_not_count() -> None:
    dropped: list[int] = []
    connections: dict[Any, None] = dict.fromkeys(
        HoldingConnection(size, dropped) for size in (400, 300, 200, 100)
    )
    first, second, third, _ = connections
    monitor = SlowPeerMonitor(connections, Limits(buffers=150))
    steps = monitor.check(1.0)
    next(steps)
    # One that was checked, and one that was not.
    del connections[first], connections[second]
    for _ in range(2):
        next(steps)
    assert monitor.waiting == 0
    next(steps)
    assert (dropped, monitor.waiting) == ([200], 100)

    connections[second] = None
    steps = monitor.check(2.0)
    for _ in range(4):
        next(steps)
    # It ends before its turn to be disconnected.
    del connections[third]
    list(steps)
    assert (dropped, monitor.waiting) == ([200, 300], 100)


async def test_a_check_is_about_no_connection_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_peers, "INTERVAL", 0.0)
    about: ContextVar[str] = ContextVar("about", default="nobody")
    about.set("the connection that has started the checks")
    seen = asyncio.get_running_loop().create_future()

    def check(now: float) -> Iterator[None]:
        seen.set_result(about.get())
        return iter(())

    monitor = SlowPeerMonitor([], LIMITS)
    monkeypatch.setattr(monitor, "check", check)
    monitor.start()
    assert await seen == "nobody"
