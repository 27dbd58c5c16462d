"""The transport on an engine and an endpoint that the test plays itself."""

import asyncio
import logging

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.base import PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection
from smbquic.transport.quic.engine import Ending
from tests.unit.transport.quic.bench import PATH, Bench, FakeEndpoint


async def test_the_peer_is_described() -> None:
    bench = Bench()
    bench.transport.start()
    assert bench.endpoint.sent == [b"hello"]
    bench.establish()
    peer = bench.transport.peer

    assert bench.owner.events == ["established"]
    assert (peer.kind, peer.local, peer.remote) == ("quic", FakeEndpoint.local, PATH[0])
    assert (peer.alpn, peer.cipher) == ("smb", "AES_128_GCM_SHA256")
    assert (peer.server_name, peer.certificates) == ("fs.example", (b"leaf",))
    assert (peer.engine, peer.engine_reason) == ("aioquic", "it is a test")
    assert peer.encrypted
    assert peer.authenticated
    assert bench.transport.statistics() == PathStatistics(0.04, 1200, 3)


async def test_a_connection_that_is_gone_frees_its_engine_and_keeps_what_came(
    bench: Bench,
) -> None:
    bench.feed(prefix(3) + b"abc")
    bench.engine.ending = Ending(0, "bye")
    bench.engine.terminated = True
    bench.transport.batch_received(2.0)
    assert bench.engine.freed == 1
    bench.engine.lost_packets = 0
    bench.transport.abort(ConnectionClosed("late"))
    bench.transport.abandon()
    bench.transport._pump.tick()
    bench.transport._keep_alive.ping()

    assert bench.engine.freed == 1
    assert bench.engine.pings == 0
    assert bench.transport.statistics() == PathStatistics(0.04, 1200, 3)
    assert bench.transport.flow().kept == 0
    assert bytes(await bench.transport.receive()) == b"abc"
    with pytest.raises(ConnectionClosed, match="bye"):
        await bench.transport.receive()
    with pytest.raises(ConnectionClosed, match="bye"):
        await bench.transport.send(b"too late")


async def test_what_nobody_will_fetch_is_dropped(bench: Bench) -> None:
    bench.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    bench.transport.close("enough")

    assert bench.transport.flow().unfetched == 0
    with pytest.raises(ConnectionClosed, match="enough"):
        await bench.transport.receive()


async def test_what_the_engine_holds_waits_too(bench: Bench) -> None:
    bench.engine.held = 1000
    assert bench.transport.flow().unfetched == 1000


async def test_how_far_messages_have_got(bench: Bench) -> None:
    await bench.transport.send(b"12345")
    bench.engine.unacknowledged = 7
    bench.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    flow = bench.transport.flow()

    assert (flow.sent, flow.untaken) == (9, 7)
    assert (flow.received, flow.messages, flow.unfinished) == (7, 1, True)
    assert flow.unfetched == 3 + framing.MESSAGE_COST + 4
    bench.feed(b"56789")
    assert not bench.transport.flow().unfinished


async def test_whoever_is_dropped_is_not_waited_for(bench: Bench) -> None:
    bench.engine.unsent = bench.engine.unacknowledged = connection.SEND_LIMIT
    sending = asyncio.create_task(bench.transport.send(b"never"))
    await asyncio.sleep(0)
    bench.transport.drop("enough")
    with pytest.raises(ConnectionClosed, match="enough"):
        await sending

    assert bench.endpoint.sent == [b"bye 0 "]
    await bench.transport.wait_closed()


async def test_senders_take_turns(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"%d" % index)) for index in range(3)]
    await asyncio.sleep(0)
    assert bench.engine.written == b""
    waiting[0].cancel()
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    bench.transport.batch_received(1.0)
    await asyncio.gather(*waiting[1:])

    assert bench.engine.written == prefix(1) + b"1" + prefix(1) + b"2"


async def test_a_sender_that_is_cancelled_at_its_turn_passes_it_on(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"%d" % index)) for index in range(2)]
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    waiting[0].cancel()
    async with asyncio.timeout(20):
        await waiting[1]

    assert bench.engine.written == prefix(1) + b"1"


async def test_the_end_wakes_all_senders(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"x")) for _ in range(3)]
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    bench.engine.unsent = connection.SEND_LIMIT
    bench.engine.ending = Ending(0, "")
    bench.transport.batch_received(1.0)
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [ConnectionClosed] * 3


async def test_send_now_takes_what_needs_no_waiting(bench: Bench) -> None:
    assert bench.transport.send_now(b"a", b"b")
    bench.engine.unsent = connection.SEND_LIMIT
    assert not bench.transport.send_now(b"c")
    waiting = asyncio.create_task(bench.transport.send(b"d"))
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    # Whoever waits comes first.
    assert not bench.transport.send_now(b"e")
    bench.transport.batch_received(1.0)
    await waiting
    bench.transport.close()
    assert not bench.transport.send_now(b"f")

    assert bench.engine.written == prefix(2) + b"ab" + prefix(1) + b"d"


async def test_closing_waits_for_what_is_under_way(bench: Bench) -> None:
    bench.engine.unacknowledged = 10
    bench.transport.close("done")
    await asyncio.sleep(0)
    assert bench.engine.ending is None
    bench.engine.unacknowledged = 0
    bench.transport.batch_received(1.0)
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.endpoint.sent[-1] == b"bye 0 done"
    assert bench.owner.events == ["established", "closed"]


async def test_closing_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "FLUSH_TIMEOUT", 0)
    bench = Bench()
    bench.establish()
    bench.engine.unacknowledged = 10
    bench.transport.close("done")
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.endpoint.sent[-1] == b"bye 0 done"


async def test_an_engine_that_fails_while_it_sends_ends_the_connection(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.transport.receive())
    await asyncio.sleep(0)
    bench.engine.makes = lambda: bench.engine.close(1, "", application=False)
    await bench.transport.send(b"a message")

    with pytest.raises(RemoteProtocolError):
        async with asyncio.timeout(20):
            await waiting
    assert bench.owner.events == ["established", "closed"]


async def test_the_owner_hears_when_all_is_over(bench: Bench) -> None:
    bench.transport.close()
    await bench.transport.wait_closed()
    bench.engine.terminated = True
    bench.transport._pump.tick()

    assert bench.owner.events == ["established", "closed", "gone"]


async def test_a_server_forgets_what_no_packet_began() -> None:
    bench = Bench(is_client=False)
    bench.engine.begun = False
    bench.feed(b"junk")

    assert bench.owner.events == ["closed", "gone"]
    assert bench.endpoint.sent == []


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    bench = Bench(handshake_timeout=0)
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.owner.events == ["failed", "closed"]
    assert isinstance(bench.owner.error, ConnectError)
    assert "did not complete the handshake within 0 s" in str(bench.owner.error)


async def test_the_first_reason_counts(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bench.transport.close("first")
        bench.transport.abort(ConnectionClosed("second"))
    with pytest.raises(ConnectionClosed, match="first"):
        await bench.transport.receive()
