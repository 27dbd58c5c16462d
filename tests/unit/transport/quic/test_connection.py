"""A connection on an engine and an endpoint that the test plays itself."""

import asyncio
import logging
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport.base import PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection
from smbquic.transport.quic.engine import CloseReason, EngineChoice, Security
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.tls import CertificatesByName, ServerTls
from tests.unit.transport.quic.harness import PATH, FakeEndpoint, TransportHarness
from tests.unit.transport.quic.test_unauthenticated import Limiter


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
    assert harness.engine.terminated
    assert harness.engine.freed == 1


async def test_a_client_waits_for_a_packet_that_it_can_decrypt() -> None:
    harness = TransportHarness()
    harness.engine.begun = False
    harness.feed(b"junk")

    assert harness.events.reported == []


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


async def test_a_peer_cannot_fill_the_log_with_sizes_of_datagrams(
    harness: TransportHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for number in range(100):
        harness.engine.resized = (1472, 1200) if number % 2 == 0 else (1200, 1472)
        harness.receiver.batch_received(float(number))

    assert len(caplog.records) == 1


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


@pytest.mark.parametrize(
    ("name", "shown"), [("fs.example", b"one"), ("other.example", b"another"), ("", b"another")]
)
def test_which_certificate_a_server_has_shown(name: str, shown: bytes) -> None:
    one, another = (ServerTls(pem_of(each), b"key") for each in (b"one", b"another"))
    role = Role(
        EngineChoice("qh3", "the fastest"),
        "the peer",
        is_client=False,
        verified=False,
        certificate=CertificatesByName({"fs.example": one}, another),
    )
    security = Security("smb", "cipher", name, ())
    assert role.peer(security, ("192.0.2.1", 443), ("192.0.2.9", 50000), 0.5).own_leaf == shown
    assert ServerTls(Path("may change"), b"key").leaf == ServerTls(b"nothing", b"key").leaf == b""


def pem_of(der: bytes) -> bytes:
    """A certificate in PEM, and one that follows it."""
    return (DER_cert_to_PEM_cert(der) + DER_cert_to_PEM_cert(b"issuer")).encode()


async def test_a_handshake_takes_from_the_first_packet_to_a_usable_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "monotonic", lambda: 10.0)
    harness = TransportHarness()
    harness.establish(12.5)

    assert harness.transport.peer.handshake_seconds == 2.5


async def test_lifting_the_limits_is_told_to_the_peer_once() -> None:
    harness = TransportHarness(is_client=False)
    harness.establish()
    harness.restrict(Limiter())
    harness.engine.outgoing.append(b"larger windows")
    harness.transport.authenticated()
    await asyncio.sleep(0)
    assert harness.endpoint.sent == [b"larger windows"]
    assert harness.engine.known

    harness.engine.known = False
    harness.transport.authenticated()
    assert not harness.engine.known


async def test_limits_are_not_lifted_for_a_connection_that_is_gone() -> None:
    harness = TransportHarness(is_client=False)
    harness.establish()
    harness.restrict(Limiter())
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))
    harness.transport.authenticated()

    assert harness.engine.freed == 1
    assert not harness.engine.known


async def test_a_late_datagram_is_answered_with_the_end(harness: TransportHarness) -> None:
    harness.transport.close("done")
    await harness.transport.wait_closed()
    assert harness.endpoint.sent == [b"bye 0 done"]
    harness.feed(b"late")

    assert harness.endpoint.sent == [b"bye 0 done", b"bye 0 done"]


async def test_a_stateless_reset_ends_the_connection(harness: TransportHarness) -> None:
    def reset() -> None:
        harness.engine.close_reason = CloseReason(0, "stateless reset")

    harness.engine.takes = reset
    harness.connection.unmatched_received(b"reset", PATH, 1.0)

    with pytest.raises(ConnectionClosed, match="the peer closed the connection: stateless reset"):
        await harness.transport.receive()
    assert harness.events.reported == ["established", "closed"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (prefix(3) + b"abc", "^the peer closed the connection$"),
        (prefix(3) + b"ab", "^the peer closed the connection in the middle of a message$"),
    ],
)
async def test_the_end_of_the_stream_is_the_end(
    harness: TransportHarness, sent: bytes, words: str
) -> None:
    harness.engine.finished = True
    harness.feed(sent)
    if sent.endswith(b"abc"):
        assert bytes(await harness.transport.receive()) == b"abc"

    with pytest.raises(ConnectionClosed, match=words):
        await harness.transport.receive()


async def test_the_reason_of_the_engine_comes_before_the_end_of_the_stream(
    harness: TransportHarness,
) -> None:
    harness.engine.finished = True
    harness.engine.close_reason = CloseReason(0, "bye")
    harness.feed(b"")

    with pytest.raises(ConnectionClosed, match="bye"):
        await harness.transport.receive()


async def test_what_was_released_may_bring_more_data(harness: TransportHarness) -> None:
    harness.engine.pieces.append(prefix(3) + b"abc")
    harness.connection.release(5)
    harness.connection.write([b"x"])
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert harness.transport.flow().messages == 1
    assert harness.engine.released == 5


async def test_nothing_is_released_on_a_connection_that_is_gone(harness: TransportHarness) -> None:
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))
    harness.connection.release(5)

    assert harness.engine.released == 0


async def test_what_is_buffered_is_what_the_engine_has_until_it_is_freed(
    harness: TransportHarness,
) -> None:
    harness.engine.unacknowledged, harness.engine.held = 7, 9
    assert harness.connection.buffered() == (7, 9, 0)
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))

    assert harness.connection.buffered() == (0, 0, 0)


@pytest.mark.parametrize("answered", [False, True])
async def test_only_what_was_not_answered_waits_for_its_acknowledgement(
    harness: TransportHarness, *, answered: bool
) -> None:
    harness.engine.unacknowledged = 1
    harness.transport.close("enough", answered=answered)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (harness.engine.close_reason is not None) == answered
    assert harness.engine.pings == (0 if answered else 1)
    harness.engine.unacknowledged = 0
    harness.connection.abort(ConnectionClosed("enough"))


async def test_a_handshake_that_the_peer_refuses_has_failed() -> None:
    harness = TransportHarness()
    harness.engine.close_reason = CloseReason(0x100 + 48, "no")
    harness.receiver.batch_received(1.0)

    assert harness.events.reported == ["handshake_failed", "closed"]
    assert "not trusted" in str(harness.events.error)


async def test_an_error_of_the_peer_is_logged_and_told(
    harness: TransportHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.connection.fail(RemoteProtocolError("no message"), 7, "no such message")

    assert caplog.messages == ["the peer: no message"]
    assert harness.engine.close_reason == CloseReason(7, "no such message", True, ours=True)
    with pytest.raises(RemoteProtocolError, match="no message"):
        await harness.transport.receive()


async def test_a_connection_that_is_gone_is_told_nothing(harness: TransportHarness) -> None:
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))
    before = harness.engine.close_reason
    harness.engine.close_reason = None
    harness.connection.fail(RemoteProtocolError("no message"), 7, "no such message")
    harness.connection.abandon()

    assert before is not None
    assert harness.engine.close_reason is None
