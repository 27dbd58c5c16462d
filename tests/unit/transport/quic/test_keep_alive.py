"""When a quiet peer is sent a PING."""

import asyncio
import itertools

import pytest

from tests.unit.transport.quic.bench import PATH, Bench, Clock


async def test_a_silent_server_that_owes_an_answer_is_asked_every_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    bench = Bench()
    bench.establish(clock.now)
    clock.advance(5)
    assert bench.engine.pings == 0
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"request")
    clock.advance(10)
    assert 8 <= bench.engine.pings <= 10

    bench.engine.unacknowledged = 0
    clock.advance(2)
    before = bench.engine.pings
    clock.advance(60)
    assert bench.engine.pings == before


async def test_a_server_that_answers_is_asked_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    bench = Bench()
    bench.establish(clock.now)
    bench.transport.keep_alive = True
    asked = []
    for _ in range(100):
        before = bench.engine.pings
        clock.advance(1)
        if bench.engine.pings > before:
            asked.append(clock.now)
            bench.transport.datagram_received(b"", PATH, clock.now)
            bench.transport.batch_received(clock.now)
    intervals = [round(later - now) for now, later in itertools.pairwise(asked)]
    assert intervals[:4] == [2, 4, 8, 10]
    assert set(intervals[4:]) == {10}

    # Who wants something is told soon again whether the server is there.
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"request")
    before = bench.engine.pings
    clock.advance(3)
    assert bench.engine.pings >= before + 1


async def test_a_server_asks_its_clients_at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    bench = Bench(is_client=False)
    bench.establish(clock.now)
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"answer")
    clock.advance(9)
    assert bench.engine.pings == 0
    bench.transport.keep_alive = True
    clock.advance(25)
    assert bench.engine.pings in (2, 3)


async def test_pings_are_sent_only_while_they_are_wanted(bench: Bench) -> None:
    bench.engine.idle_timeout = 0.003
    bench.transport.keep_alive = True
    for _ in range(3):
        bench.engine.pinged.clear()
        await asyncio.wait_for(bench.engine.pinged.wait(), 20)
    bench.transport.keep_alive = False
    assert bench.transport._keep_alive._timer is None
    bench.transport.keep_alive = True
    bench.transport.close()
    assert bench.transport._keep_alive._timer is None
    bench.transport.keep_alive = False
    bench.transport.keep_alive = True

    assert bench.transport._keep_alive._timer is None
