"""The client's end of QUIC: connecting to a server."""

import asyncio
import logging
import socket
from dataclasses import replace

from smbquic.errors import ConnectError, ConnectionClosed, TransportError
from smbquic.transport import framing
from smbquic.transport.addresses import Address, race, url
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.engine import EngineChoice
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import CONNECTION_ID_SIZE
from smbquic.transport.quic.plugin import MakeEngine
from smbquic.transport.quic.registry import client_engine, socket_reader
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.router import Router
from smbquic.transport.quic.tls import ClientTls
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.quic.udp import Path, UdpEndpoint
from smbquic.transport.resolver import Resolver

logger = logging.getLogger(__name__)


async def connect(
    host: str,
    port: int,
    *,
    trust: ClientTls,
    server_name: str | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 (the contract of both transports)
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    options: QuicOptions | None = None,
    resolver: Resolver | None = None,
) -> MessageTransport:
    """Connect to `host`, all of whose addresses are tried, within `timeout` seconds.

    `server_name`, which is `host` unless given, is asked for and must be in the certificate.
    Raises `ConnectError` if nobody answers, `HandshakeError` if the handshake fails, and
    `EngineError` for options that no engine has together.
    """
    options = options or QuicOptions()
    name = server_name or host
    check = trust.verify
    verify = None if check is None or trust.insecure else lambda chain: check(chain, name)
    choice, make_engine = client_engine(trust, name, options, verify, port=port)
    logger.info("%s: the QUIC engine is %s", url("quic", (host, port)), choice)

    async def attempt(address: Address) -> QuicTransport:
        return await _ConnectionAttempt(
            address, choice, make_engine, options, max_message_size, verified=not trust.insecure
        ).run()

    try:
        async with asyncio.timeout(timeout):
            found = await (resolver or Resolver()).resolve(host, port, socket.SOCK_DGRAM)
            transport = await race(found.addresses, attempt, discard=lambda late: late.close())
    except TimeoutError as error:
        raise ConnectError(
            f"{host}:{port} did not answer within {timeout:g} s: is UDP port {port} open"
            " on the way? Firewalls often let only TCP through"
        ) from error
    transport.peer = replace(transport.peer, resolved_by=found.by)
    return transport


class _ConnectionAttempt:
    """A connection to one address, with a socket of its own."""

    def __init__(
        self,
        address: Address,
        choice: EngineChoice,
        make_engine: MakeEngine,
        options: QuicOptions,
        max_message_size: int,
        *,
        verified: bool,
    ) -> None:
        self._name = url("quic", address.endpoint)
        self._router = Router(on_unmatched=self._take_unmatched)
        try:
            self._endpoint = UdpEndpoint(self._router, remote=address)
        except OSError as error:
            raise ConnectError(f"{self._name}: {error.strerror or error}") from error
        self._established: asyncio.Future[QuicTransport] = (
            asyncio.get_running_loop().create_future()
        )
        sizes = options.sizes_to(address.socket_address, self._endpoint.largest_payload)
        engine = make_engine(sizes, self)
        read_for = socket_reader(choice, self._endpoint, self._router, CONNECTION_ID_SIZE)
        if read_for is not None:
            read_for(engine)
        self._max_message_size = max_message_size
        self._connection = QuicConnection(
            engine,
            self._endpoint,
            (address.socket_address, b""),
            options,
            self,
            Role(choice, self._name, is_client=True, verified=verified),
        )
        self._router.add(engine.connection_id, self._connection.receiver)

    async def run(self) -> QuicTransport:
        """Wait for the connection. Raises `TransportError`."""
        self._connection.start()
        try:
            return await self._established
        except asyncio.CancelledError:
            self._connection.abort(ConnectionClosed("the attempt was cancelled"))
            raise

    def _take_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        self._connection.unmatched_received(datagram, path, now)

    def issued(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._router.add(connection_id, self._connection.receiver)

    def retired(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._router.remove(connection_id)

    def established(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`."""
        transport = QuicTransport(connection, self._max_message_size)
        if not self._established.done():
            self._established.set_result(transport)

    def handshake_failed(self, connection: QuicConnection, error: TransportError) -> None:
        """See `ConnectionEvents`."""
        if not self._established.done():
            self._established.set_exception(error)

    def closed(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`: the socket is for this connection only."""
        connection.abandon()
        self._endpoint.close()

    def terminated(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`."""
