"""The connecting end where it ends early."""

import asyncio
import socket
from typing import Any, NoReturn, cast

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, HandshakeError
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import client
from smbquic.transport.quic.engine import (
    Acceptance,
    CloseReason,
    ConnectionIds,
    DatagramSizes,
    Engine,
    EngineChoice,
    Verify,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import ChosenEngine
from smbquic.transport.quic.router import Router
from smbquic.transport.quic.tls import ClientTls
from smbquic.transport.quic.udp import Path
from tests.unit.transport.quic.harness import SECURITY, FakeEndpoint, FakeEngine


async def test_an_address_without_a_route_is_a_connect_error(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_route(*_: object, **__: object) -> NoReturn:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(client, "UdpEndpoint", no_route)
    with pytest.raises(ConnectError, match=r"quic://127\.0\.0\.1:9: Network is unreachable"):
        await quic.connect("127.0.0.1", 9, trust=quic.ClientTls(ca=pki.ca))


async def test_an_attempt_may_be_cancelled(pki: PkiDirectory) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        port = silent.getsockname()[1]
        connecting = asyncio.create_task(
            quic.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca))
        )
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_recv(silent, 2000), 20)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        close = await asyncio.wait_for(loop.sock_recv(silent, 2000), 20)

    assert close[0] & 0x80


class ClientEngine(FakeEngine):
    """An engine that records what belongs to no connection."""

    def __init__(self) -> None:
        super().__init__()
        self.connection_id = b"clientid"
        self.received: list[bytes] = []
        self.unmatched: list[bytes] = []

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        self.received.append(datagram)

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        self.unmatched.append(datagram)


class ClientEndpoint(FakeEndpoint):
    """The socket of one attempt."""

    closed = False

    def largest_payload(self, remote: object) -> int:
        return 1472

    def close(self) -> None:
        self.closed = True


class Connecting:
    """A client on an engine and a socket that the test plays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.endpoint = ClientEngine(), ClientEndpoint()
        self.asked: list[tuple[str, Verify | None, int | None]] = []
        self.router: Router
        self.ids: ConnectionIds
        self.opened = asyncio.Event()
        monkeypatch.setattr(client, "client_engine", self._choose)
        monkeypatch.setattr(client, "UdpEndpoint", self._open)

    def _choose(
        self,
        trust: ClientTls,
        name: str,
        options: QuicOptions,
        verify: Verify | None,
        *,
        port: int | None,
    ) -> ChosenEngine:
        self.asked.append((name, verify, port))
        return EngineChoice("qh3", "the fastest"), self._make

    def _make(
        self, sizes: DatagramSizes, ids: ConnectionIds, acceptance: Acceptance | None = None
    ) -> Engine:
        self.ids = ids
        return cast(Engine, self.engine)

    def _open(self, router: Router, remote: object) -> Any:
        self.router = router
        self.opened.set()
        return self.endpoint

    async def begin(self, **more: Any) -> "asyncio.Task[MessageTransport]":
        """Begin to connect; return the attempt, whose first datagram is sent."""
        options = {"trust": ClientTls(), **more}
        attempt = asyncio.create_task(client.connect("127.0.0.1", 443, **options))
        async with asyncio.timeout(20):
            await self.opened.wait()
            await asyncio.sleep(0)
        assert self.endpoint.sent == [b"hello"]
        return attempt

    def receive(self, datagram: bytes = b"\x40clientid and more") -> None:
        path = (("127.0.0.1", 443), b"")
        self.router.datagram_received(datagram, path, 1.0)
        self.router.batch_received(1.0)

    async def establish(self, **more: Any) -> MessageTransport:
        attempt = await self.begin(**more)
        self.engine.security = SECURITY
        self.receive()
        async with asyncio.timeout(20):
            return await attempt


@pytest.fixture
async def connecting(monkeypatch: pytest.MonkeyPatch) -> Connecting:
    return Connecting(monkeypatch)


@pytest.mark.parametrize("insecure", [False, True])
async def test_a_connection_that_is_complete(connecting: Connecting, insecure: bool) -> None:
    transport = await connecting.establish(
        trust=ClientTls(insecure=insecure), max_message_size=1 << 20
    )

    assert transport.max_message_size == 1 << 20
    peer = transport.peer
    assert (peer.resolved_by, peer.engine, peer.remote) == ("system", "qh3", ("127.0.0.1", 443))
    assert peer.authenticated is not insecure
    connecting.ids.issued(b"another!")
    connecting.receive(b"\x40another! is ours")
    assert connecting.engine.received[-1] == b"\x40another! is ours"
    connecting.ids.retired(b"another!")
    connecting.receive(b"\x40another! is unknown")
    assert connecting.engine.unmatched == [b"\x40another! is unknown"]
    assert not connecting.endpoint.closed

    transport.close("done")
    async with asyncio.timeout(20):
        await transport.wait_closed()
    assert connecting.endpoint.closed
    assert connecting.engine.terminated
    assert connecting.endpoint.sent[-1] == b"bye 0 done"


@pytest.mark.parametrize(
    ("server_name", "insecure", "checked"),
    [
        (None, False, [([b"leaf"], "127.0.0.1")]),
        ("fs.example", False, [([b"leaf"], "fs.example")]),
        ("fs.example", True, []),
    ],
)
async def test_whose_name_is_verified(
    connecting: Connecting, server_name: str | None, insecure: bool, checked: list[object]
) -> None:
    verified: list[object] = []

    def check(chain: list[bytes], name: str) -> None:
        verified.append((chain, name))

    await connecting.establish(
        trust=ClientTls(verify=check, insecure=insecure), server_name=server_name
    )
    [(name, verify, port)] = connecting.asked
    assert (name, port) == (server_name or "127.0.0.1", 443)
    assert (verify is None) is insecure
    if verify is not None:
        verify([b"leaf"])
    assert verified == checked


async def test_the_engine_verifies_where_nothing_else_does(connecting: Connecting) -> None:
    await connecting.establish()

    assert connecting.asked == [("127.0.0.1", None, 443)]


async def test_a_handshake_that_is_refused(connecting: Connecting) -> None:
    attempt = await connecting.begin()
    connecting.engine.close_reason = CloseReason(0x100 + 48, "no")
    connecting.receive()
    with pytest.raises(HandshakeError, match=r"quic://127\.0\.0\.1:443: .*not trusted"):
        async with asyncio.timeout(20):
            await attempt

    assert connecting.endpoint.closed
    assert connecting.engine.terminated


async def test_no_answer_in_time(connecting: Connecting) -> None:
    attempt = await connecting.begin(timeout=0.05)
    with pytest.raises(
        ConnectError, match=r"^127\.0\.0\.1:443 did not answer within 0\.05 s: is UDP port 443 open"
    ):
        await attempt

    assert connecting.engine.close_reason == CloseReason(0, "", True, ours=True)
    assert connecting.endpoint.closed


async def test_a_transport_that_came_too_late_is_nobodys(connecting: Connecting) -> None:
    attempt = await connecting.begin()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert connecting.endpoint.sent == [b"hello", b"bye 0 "]
    connecting.engine.security = SECURITY
    connecting.receive()

    assert connecting.endpoint.closed


async def test_a_peer_that_closes_later_closes_the_socket(connecting: Connecting) -> None:
    transport = await connecting.establish()
    connecting.engine.close_reason = CloseReason(0, "bye")
    connecting.receive()
    with pytest.raises(ConnectionClosed, match="bye"):
        await transport.receive()

    assert connecting.endpoint.closed
