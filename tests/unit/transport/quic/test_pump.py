"""When an engine's datagrams are made and sent."""

import asyncio
from time import monotonic

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection, pump
from tests.unit.transport.quic.bench import PATH, Bench


async def test_how_long_an_engine_thinks_is_no_part_of_a_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    def think() -> None:
        nonlocal now
        now += 0.03

    for module in (connection, pump):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    client, server = Bench(), Bench(is_client=False)
    client.engine.takes = server.engine.takes = think
    client.transport.start()
    assert client.engine.sent_at == [100.03]
    server.transport.datagram_received(b"hello", PATH, 100.03)
    server.transport.batch_received(100.03)
    assert server.engine.sent_at == [100.06]


async def test_an_answer_goes_out_with_the_acknowledgement(bench: Bench) -> None:
    async def answer() -> None:
        message = await bench.transport.receive()
        bench.engine.outgoing.append(b"answer")
        await bench.transport.send(b"to", message)

    answering = asyncio.create_task(answer())
    await asyncio.sleep(0)
    bench.engine.due = monotonic()
    bench.engine.outgoing.append(b"acknowledgement")
    bench.feed(prefix(5) + b"hello")
    before = list(bench.endpoint.sent)
    # A timer that is due just now changes nothing, and is not forgotten either.
    bench.transport._pump.tick()
    assert before == bench.endpoint.sent
    assert bench.engine.ticks == []
    for _ in range(3):
        await asyncio.sleep(0)

    assert answering.done()
    assert bench.engine.written == prefix(7) + b"tohello"
    assert bench.endpoint.sent == [*before, b"acknowledgement", b"answer"]
    assert bench.transport._pump._timer is not None


async def test_an_end_in_the_meantime_leaves_the_timer_running(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.transport.receive())
    await asyncio.sleep(0)
    bench.feed(prefix(2) + b"ho")
    bench.transport.abort(ConnectionClosed("enough"))
    bench.engine.terminated = True
    for _ in range(3):
        await asyncio.sleep(0)

    assert waiting.done()
    assert bench.owner.events == ["established", "closed", "gone"]


async def test_a_blocked_socket_is_waited_for(bench: Bench) -> None:
    bench.endpoint.blocked = True
    bench.engine.outgoing.append(b"data")
    bench.transport.batch_received(1.0)
    assert b"data" not in bench.endpoint.sent
    bench.endpoint.blocked = False
    (callback,) = bench.endpoint.callbacks
    callback()

    assert bench.endpoint.sent[-1] == b"data"


async def test_time_is_passed_on_when_it_has_come(bench: Bench) -> None:
    loop = asyncio.get_running_loop()
    ticked = asyncio.Event()
    tick = bench.engine.tick

    def remember(now: float) -> None:
        tick(now)
        ticked.set()

    bench.engine.tick = remember  # type: ignore[method-assign]
    bench.engine.due = monotonic() + 30
    bench.transport.batch_received(1.0)
    first = bench.transport._pump._timer
    bench.engine.due += 10
    bench.transport.batch_received(1.0)
    assert bench.transport._pump._timer is first
    # The timer that was set too early finds that there is time, and sets another.
    bench.transport._pump.tick()
    assert bench.engine.ticks == []
    bench.engine.due = monotonic()
    bench.transport.batch_received(1.0)
    async with asyncio.timeout(20):
        await ticked.wait()

    assert len(bench.engine.ticks) == 1
    assert loop.is_running()
