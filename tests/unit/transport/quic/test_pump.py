"""When an engine's datagrams are made and sent."""

import asyncio
from time import monotonic

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection, pump
from smbquic.transport.quic.engine import CloseReason
from tests.unit.transport.quic.harness import PATH, TransportClock, TransportHarness


async def test_how_long_an_engine_thinks_is_no_part_of_a_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    def think() -> None:
        nonlocal now
        now += 0.03

    for module in (connection, pump):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    client, server = TransportHarness(), TransportHarness(is_client=False)
    client.engine.takes = server.engine.takes = think
    client.connection.start()
    assert client.engine.sent_at == [100.03]
    server.receiver.datagram_received(b"hello", PATH, 100.03)
    server.receiver.batch_received(100.03)
    assert server.engine.sent_at == [100.06]


async def test_an_answer_goes_out_with_the_acknowledgement(harness: TransportHarness) -> None:
    async def answer() -> None:
        message = await harness.transport.receive()
        harness.engine.outgoing.append(b"answer")
        await harness.transport.send(b"to", message)

    answering = asyncio.create_task(answer())
    await asyncio.sleep(0)
    harness.engine.due = monotonic()
    harness.engine.outgoing.append(b"acknowledgement")
    harness.feed(prefix(5) + b"hello")
    before = list(harness.endpoint.sent)
    # A timer that is due just now changes nothing, and is not forgotten either.
    harness.pump.tick()
    assert before == harness.endpoint.sent
    assert harness.engine.ticks == []
    for _ in range(3):
        await asyncio.sleep(0)

    assert answering.done()
    assert harness.engine.written == prefix(7) + b"tohello"
    assert harness.endpoint.sent == [*before, b"acknowledgement", b"answer"]
    assert harness.pump._timer is not None


async def test_an_end_in_the_meantime_leaves_the_timer_running(harness: TransportHarness) -> None:
    waiting = asyncio.create_task(harness.transport.receive())
    await asyncio.sleep(0)
    harness.feed(prefix(2) + b"ho")
    harness.connection.abort(ConnectionClosed("enough"))
    harness.engine.terminated = True
    for _ in range(3):
        await asyncio.sleep(0)

    assert waiting.done()
    assert harness.events.reported == ["established", "closed", "terminated"]


async def test_a_blocked_socket_is_waited_for(harness: TransportHarness) -> None:
    harness.endpoint.blocked = True
    harness.engine.outgoing.append(b"data")
    harness.receiver.batch_received(1.0)
    assert b"data" not in harness.endpoint.sent
    harness.endpoint.blocked = False
    (callback,) = harness.endpoint.callbacks
    callback()

    assert harness.endpoint.sent[-1] == b"data"


async def test_a_blocked_socket_does_not_hide_that_the_peer_has_closed(
    harness: TransportHarness,
) -> None:
    harness.endpoint.blocked = True
    harness.engine.close_reason = CloseReason(0, "bye")
    harness.receiver.batch_received(1.0)

    with pytest.raises(ConnectionClosed, match="bye"):
        async with asyncio.timeout(20):
            await harness.transport.receive()


async def test_time_is_passed_on_when_it_has_come(harness: TransportHarness) -> None:
    loop = asyncio.get_running_loop()
    ticked = asyncio.Event()
    tick = harness.engine.tick

    def remember(now: float) -> None:
        tick(now)
        ticked.set()

    harness.engine.tick = remember  # type: ignore[method-assign]
    harness.engine.due = monotonic() + 30
    harness.receiver.batch_received(1.0)
    first = harness.pump._timer
    harness.engine.due += 10
    harness.receiver.batch_received(1.0)
    assert harness.pump._timer is first
    # The timer that was set too early finds that there is time, and sets another.
    harness.pump.tick()
    assert harness.engine.ticks == []
    harness.engine.due = monotonic()
    harness.receiver.batch_received(1.0)
    async with asyncio.timeout(20):
        await ticked.wait()

    assert len(harness.engine.ticks) == 1
    assert loop.is_running()


@pytest.mark.parametrize(
    ("early", "ticked"), [(0.00005, 0.00005), (0.0002, None), (0.0, 0.0), (-1.0, 0.0)]
)
async def test_an_engine_is_never_called_before_its_time(
    monkeypatch: pytest.MonkeyPatch, early: float, ticked: float | None
) -> None:
    """As told at its time, if the timer is a little early."""
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    harness.engine.due = clock.now + early
    harness.pump.tick()

    assert harness.engine.ticks == ([] if ticked is None else [clock.now + ticked])


async def test_a_timer_is_set_anew_only_for_an_earlier_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    start = clock.now
    for seconds in (9, 5, 7):
        harness.engine.due = start + seconds
        harness.pump.arm()
        assert len(clock.timers) == 1
    assert clock.timers[0][0] == pytest.approx(start + 5)
    clock.advance(6)
    assert harness.engine.ticks == []
    clock.advance(1.1)
    assert harness.engine.ticks == [pytest.approx(start + 7)]


async def test_a_connection_that_is_gone_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    assert len(clock.timers) == 1  # the timeout of the handshake
    harness.establish(clock.now)
    assert clock.timers == []
    harness.transport.keep_alive = True
    assert len(clock.timers) == 1
    harness.engine.unacknowledged = 1
    harness.transport.close()
    assert len(clock.timers) == 1  # the flush timeout
    harness.engine.unacknowledged = 0
    harness.receiver.batch_received(clock.now)

    assert harness.engine.close_reason is not None
    assert clock.timers == []


async def test_a_connection_that_is_abandoned_leaves_no_timer_of_its_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    harness.engine.due = clock.now + 30
    harness.pump.arm()
    assert len(clock.timers) == 1
    harness.connection.abandon()

    assert clock.timers == []
    assert harness.engine.terminated


async def test_a_server_answers_in_the_iteration_of_the_event_loop_in_which_it_reads() -> None:
    harness = TransportHarness(is_client=False)
    harness.establish()
    waiting = asyncio.create_task(harness.transport.receive())
    await asyncio.sleep(0)
    harness.engine.outgoing.append(b"acknowledgement")
    harness.feed(prefix(2) + b"ho")
    assert harness.endpoint.sent == []
    await asyncio.sleep(0)

    assert harness.endpoint.sent == [b"acknowledgement"]
    assert waiting.done()


async def test_a_client_leaves_time_for_the_next_request(harness: TransportHarness) -> None:
    waiting = asyncio.create_task(harness.transport.receive())
    await asyncio.sleep(0)
    harness.engine.outgoing.append(b"acknowledgement")
    harness.feed(prefix(2) + b"ho")
    await asyncio.sleep(0)
    assert harness.endpoint.sent == []
    await asyncio.sleep(0)

    assert harness.endpoint.sent == [b"acknowledgement"]
    assert waiting.done()


async def test_what_is_written_in_one_iteration_is_sent_at_once(harness: TransportHarness) -> None:
    for _ in range(3):
        harness.connection.write([b"x"])
    before = len(harness.engine.sent_at)
    for _ in range(3):
        await asyncio.sleep(0)

    assert len(harness.engine.sent_at) == before + 1


async def test_a_timer_that_is_late_is_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    harness.engine.due = clock.now - 3
    harness.pump.arm()

    assert [each[0] for each in clock.timers] == [clock.now]


async def test_a_timer_that_fires_after_the_end_changes_nothing(harness: TransportHarness) -> None:
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))
    harness.engine.due = 0.0
    harness.pump.tick()
    harness.pump.arm()

    assert harness.engine.ticks == []
    assert harness.engine.freed == 1


async def test_a_timer_without_anything_due_does_nothing(harness: TransportHarness) -> None:
    harness.engine.due = None
    harness.pump.tick()

    assert harness.engine.ticks == []
    assert harness.pump._timer is None


async def test_what_a_tick_brings_is_taken_and_sent(harness: TransportHarness) -> None:
    harness.engine.due = monotonic()
    harness.engine.pieces.append(prefix(2) + b"ho")
    harness.engine.outgoing.append(b"again")
    harness.pump.tick()

    assert harness.transport.flow().messages == 1
    assert harness.endpoint.sent == [b"again"]


async def test_only_what_may_bring_data_takes_it_from_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness, taken = TransportHarness(is_client=False), list[float]()
    harness.establish()
    monkeypatch.setattr(harness.connection, "take_from_engine", taken.append)
    harness.pump.schedule_flush()
    await asyncio.sleep(0)
    assert taken == []
    harness.pump.schedule_flush(has_data=True)
    harness.pump.schedule_flush()
    await asyncio.sleep(0)
    assert len(taken) == 1
    harness.pump.schedule_flush()
    await asyncio.sleep(0)
    assert len(taken) == 1
