"""A connection on an engine and an endpoint that the test plays itself."""

import asyncio
import logging

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport.base import PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.quic.engine import CloseReason, EngineChoice, Security
from smbquic.transport.quic.role import Role
from tests.unit.transport.quic.harness import PATH, FakeEndpoint, TransportHarness


async def test_the_peer_is_described() -> None:
    harness = TransportHarness()
    harness.connection.start()
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
    harness.receiver.batch_received(2.0)
    assert harness.engine.freed == 1
    harness.engine.path = PathStatistics()
    harness.connection.abort(ConnectionClosed("late"))
    harness.connection.abandon()
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


async def test_a_server_forgets_what_no_packet_began() -> None:
    harness = TransportHarness(is_client=False)
    harness.engine.begun = False
    harness.feed(b"junk")

    assert harness.events.reported == ["closed", "terminated"]
    assert harness.endpoint.sent == []


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
    harness.receiver.batch_received(1.0)
    harness.receiver.batch_received(2.0)

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
