"""The transport on an engine and an endpoint that the test plays itself."""

import asyncio
import errno
import logging

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.transport.base import PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection
from smbquic.transport.quic.engine import CloseReason, EngineChoice, Security
from smbquic.transport.quic.flow_control import SEND_LIMIT
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.role import Role
from tests.unit.transport.quic.harness import PATH, FakeEndpoint, TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
MESSAGE_COST = 256


async def test_the_peer_is_described() -> None:
    harness = TransportHarness()
    harness.transport.start()
    assert harness.endpoint.sent == [b"hello"]
    harness.establish()
    peer = harness.transport.peer

    assert harness.events.reported == ["established"]
    assert (peer.kind, peer.local, peer.remote) == ("quic", FakeEndpoint.local, PATH[0])
    assert (peer.alpn, peer.cipher) == ("smb", "AES_128_GCM_SHA256")
    assert (peer.server_name, peer.certificates) == ("fs.example", (b"leaf",))
    assert (peer.engine, peer.engine_reason) == ("aioquic", "it is a test")
    assert peer.encrypted
    assert peer.authenticated
    assert harness.transport.statistics() == PathStatistics(0.04, 1200, 3)


async def test_a_connection_that_is_gone_frees_its_engine_and_keeps_what_came(
    harness: TransportHarness,
) -> None:
    harness.feed(prefix(3) + b"abc")
    harness.engine.close_reason = CloseReason(0, "bye")
    harness.engine.terminated = True
    harness.transport.batch_received(2.0)
    assert harness.engine.freed == 1
    harness.engine.path = PathStatistics()
    harness.transport.abort(ConnectionClosed("late"))
    harness.transport.abandon()
    harness.pump.tick()
    harness.keep_alive.ping()

    assert harness.engine.freed == 1
    assert harness.engine.pings == 0
    assert harness.transport.statistics() == PathStatistics(0.04, 1200, 3)
    assert harness.transport.flow().kept == 0
    assert bytes(await harness.transport.receive()) == b"abc"
    with pytest.raises(ConnectionClosed, match="bye"):
        await harness.transport.receive()
    with pytest.raises(ConnectionClosed, match="bye"):
        await harness.transport.send(b"too late")


async def test_what_nobody_will_fetch_is_dropped(harness: TransportHarness) -> None:
    harness.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    harness.transport.close("enough")

    assert harness.transport.flow().unfetched == 0
    with pytest.raises(ConnectionClosed, match="enough"):
        await harness.transport.receive()


async def test_what_the_engine_holds_waits_too(harness: TransportHarness) -> None:
    harness.engine.held = 1000
    assert harness.transport.flow().unfetched == 1000


async def test_how_far_messages_have_got(harness: TransportHarness) -> None:
    await harness.transport.send(b"12345")
    harness.engine.unacknowledged = 7
    harness.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    flow = harness.transport.flow()

    assert (flow.sent, flow.untaken) == (9, 7)
    assert (flow.received, flow.messages, flow.unfinished) == (7, 1, True)
    assert flow.unfetched == 3 + MESSAGE_COST + 4
    harness.feed(b"56789")
    assert not harness.transport.flow().unfinished


async def test_whoever_is_dropped_is_not_waited_for(harness: TransportHarness) -> None:
    harness.engine.unsent = harness.engine.unacknowledged = SEND_LIMIT
    sending = asyncio.create_task(harness.transport.send(b"never"))
    await asyncio.sleep(0)
    harness.transport.drop("enough")
    with pytest.raises(ConnectionClosed, match="enough"):
        await sending

    assert harness.endpoint.sent == [b"bye 0 "]
    await harness.transport.wait_closed()


async def test_closing_waits_for_what_is_under_way(harness: TransportHarness) -> None:
    harness.engine.unacknowledged = 10
    harness.transport.close("done")
    await asyncio.sleep(0)
    assert harness.engine.close_reason is None
    harness.engine.unacknowledged = 0
    harness.transport.batch_received(1.0)
    await asyncio.wait_for(harness.transport.wait_closed(), 20)

    assert harness.endpoint.sent[-1] == b"bye 0 done"
    assert harness.events.reported == ["established", "closed"]


async def test_closing_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "FLUSH_TIMEOUT", 0)
    harness = TransportHarness()
    harness.establish()
    harness.engine.unacknowledged = 10
    harness.transport.close("done")
    await asyncio.wait_for(harness.transport.wait_closed(), 20)

    assert harness.endpoint.sent[-1] == b"bye 0 done"


async def test_an_engine_that_fails_while_it_sends_ends_the_connection(
    harness: TransportHarness,
) -> None:
    waiting = asyncio.ensure_future(harness.transport.receive())
    await asyncio.sleep(0)
    harness.engine.makes = lambda: harness.engine.close(1, "", application=False)
    await harness.transport.send(b"a message")

    with pytest.raises(RemoteProtocolError):
        async with asyncio.timeout(20):
            await waiting
    assert harness.events.reported == ["established", "closed"]


async def test_the_end_of_the_closing_period_is_reported(harness: TransportHarness) -> None:
    harness.transport.close()
    await harness.transport.wait_closed()
    harness.engine.terminated = True
    harness.pump.tick()

    assert harness.events.reported == ["established", "closed", "terminated"]


async def test_a_server_forgets_what_no_packet_began() -> None:
    harness = TransportHarness(is_client=False)
    harness.engine.begun = False
    harness.feed(b"junk")

    assert harness.events.reported == ["closed", "terminated"]
    assert harness.endpoint.sent == []


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    harness = TransportHarness(QuicOptions(handshake_timeout=0))
    await asyncio.wait_for(harness.transport.wait_closed(), 20)

    assert harness.events.reported == ["handshake_failed", "closed"]
    assert isinstance(harness.events.error, ConnectError)
    assert "did not complete the handshake within 0 s" in str(harness.events.error)


async def test_the_first_reason_counts(
    harness: TransportHarness, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        harness.transport.close("first")
        harness.transport.abort(ConnectionClosed("second"))
    with pytest.raises(ConnectionClosed, match="first"):
        await harness.transport.receive()


async def test_an_error_about_the_size_of_a_datagram_is_a_loss(harness: TransportHarness) -> None:
    harness.transport.error_received(OSError(errno.EMSGSIZE, "too large"))

    assert harness.endpoint.rebound == 0
    assert harness.engine.close_reason is None
    harness.transport.error_received(OSError(errno.ENETUNREACH, "unreachable"))
    assert (harness.endpoint.rebound, harness.engine.pings) == (1, 1)


@pytest.mark.parametrize(
    ("before", "after", "level", "words"),
    [
        (1472, 1200, logging.WARNING, "the path carries less than it did: datagrams of 1200 bytes"),
        (1200, 1472, logging.INFO, "the peer: datagrams of 1472 bytes instead of 1200"),
    ],
)
async def test_another_size_of_datagrams_is_logged_once(
    harness: TransportHarness,
    caplog: pytest.LogCaptureFixture,
    before: int,
    after: int,
    level: int,
    words: str,
) -> None:
    caplog.set_level(logging.INFO)
    harness.engine.resized = (before, after)
    harness.transport.batch_received(1.0)
    harness.transport.batch_received(2.0)

    (record,) = caplog.records
    assert record.levelno == level
    assert words in record.getMessage()
    assert harness.engine.resized is None


@pytest.mark.parametrize(
    ("verified", "certificates", "shown", "authenticated"),
    [
        (True, (b"leaf", b"root"), (b"leaf", b"root"), True),
        (False, (b"leaf", b"root"), (), False),
        (True, (), (), False),
    ],
)
def test_only_a_verified_certificate_authenticates_the_peer(
    verified: bool,
    certificates: tuple[bytes, ...],
    shown: tuple[bytes, ...],
    authenticated: bool,
) -> None:
    role = Role(EngineChoice("qh3", "the fastest"), "the peer", is_client=True, verified=verified)
    security = Security("smb", "cipher", "fs.example", certificates, resumed=True, group="X25519")
    peer = role.peer(security, ("192.0.2.9", 50000), ("192.0.2.1", 443), 0.5)

    assert (peer.certificates, peer.authenticated) == (shown, authenticated)
    assert peer.leaf == (b"leaf" if certificates else b"")
    assert (peer.handshake_seconds, peer.resumed, peer.group) == (0.5, True, "X25519")
    assert (peer.local, peer.remote) == (("192.0.2.9", 50000), ("192.0.2.1", 443))
