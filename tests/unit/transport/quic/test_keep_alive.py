"""When a quiet peer is sent a PING."""

import asyncio
import itertools

import pytest

from tests.unit.transport.quic.harness import PATH, TransportClock, TransportHarness


async def test_a_silent_server_that_owes_an_answer_is_asked_every_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    clock.advance(5)
    assert harness.engine.pings == 0
    harness.engine.unacknowledged = 100
    await harness.transport.send(b"request")
    clock.advance(10)
    assert 8 <= harness.engine.pings <= 10

    harness.engine.unacknowledged = 0
    clock.advance(2)
    before = harness.engine.pings
    clock.advance(60)
    assert harness.engine.pings == before


async def test_a_server_that_answers_is_asked_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    harness.transport.keep_alive = True
    asked = []
    for _ in range(100):
        before = harness.engine.pings
        clock.advance(1)
        if harness.engine.pings > before:
            asked.append(clock.now)
            harness.receiver.datagram_received(b"", PATH, clock.now)
            harness.receiver.batch_received(clock.now)
    intervals = [round(later - now) for now, later in itertools.pairwise(asked)]
    assert intervals[:4] == [2, 4, 8, 10]
    assert set(intervals[4:]) == {10}

    # Who wants something is told soon again whether the server is there.
    harness.engine.unacknowledged = 100
    await harness.transport.send(b"request")
    before = harness.engine.pings
    clock.advance(3)
    assert harness.engine.pings >= before + 1


async def test_a_server_asks_its_clients_at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness(is_client=False)
    harness.establish(clock.now)
    harness.engine.unacknowledged = 100
    await harness.transport.send(b"answer")
    clock.advance(9)
    assert harness.engine.pings == 0
    harness.transport.keep_alive = True
    clock.advance(25)
    assert harness.engine.pings in (2, 3)


async def test_a_server_that_stops_answering_is_asked_often_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness()
    harness.establish(clock.now)
    harness.transport.keep_alive = True
    # The first two are answered, so that the third one comes after four seconds.
    for seconds in (1, 2):
        clock.advance(seconds)
        harness.receiver.datagram_received(b"", PATH, clock.now)
        harness.receiver.batch_received(clock.now)
    assert harness.engine.pings == 2
    clock.advance(4)
    assert harness.engine.pings == 3
    clock.advance(7.9)
    assert harness.engine.pings == 3
    clock.advance(0.2)
    assert harness.engine.pings == 4
    clock.advance(3)

    assert harness.engine.pings == 7


async def test_two_pings_in_a_row_may_be_lost_before_the_idle_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = TransportClock(monkeypatch)
    harness = TransportHarness(is_client=False)
    harness.establish(clock.now)
    harness.engine.idle_timeout = 6.0
    harness.transport.keep_alive = True
    pings = []
    for seconds in (1.9, 0.2, 1.8, 0.2, 1.8, 0.2):
        clock.advance(seconds)
        pings.append(harness.engine.pings)

    assert pings == [0, 1, 1, 2, 2, 3]


async def test_pings_are_sent_only_while_they_are_wanted(harness: TransportHarness) -> None:
    harness.engine.idle_timeout = 0.003
    harness.transport.keep_alive = True
    for _ in range(3):
        harness.engine.pinged.clear()
        await asyncio.wait_for(harness.engine.pinged.wait(), 20)
    harness.transport.keep_alive = False
    assert harness.keep_alive._timer is None
    harness.transport.keep_alive = True
    harness.transport.close()
    assert harness.keep_alive._timer is None
    harness.transport.keep_alive = False
    harness.transport.keep_alive = True

    assert harness.keep_alive._timer is None
