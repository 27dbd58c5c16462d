"""The server's end of QUIC: a UDP socket that accepts connections.

A `Limiter` charges the address of an unauthenticated client for what it costs, and the number of
half-open handshakes is limited (`half_open.py`). A client that gets no answer sends its first
datagram again by itself.
"""

import logging
import socket
from collections.abc import Callable
from functools import partial
from time import monotonic, perf_counter

from smbquic.errors import ConnectionClosed, EngineError, TransportError
from smbquic.transport import framing
from smbquic.transport.addresses import Address, endpoint, resolve, url
from smbquic.transport.base import ClientHello, OnConnection
from smbquic.transport.quic.address_validation import AddressValidator
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.connection_ids import ConnectionIdSource
from smbquic.transport.quic.engine import Acceptance, EngineChoice
from smbquic.transport.quic.half_open import HalfOpenHandshakes
from smbquic.transport.quic.interfaces import Routes
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engines, socket_reader
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.router import Destination, Router
from smbquic.transport.quic.stateless_reset import StatelessResets
from smbquic.transport.quic.tls import CertificatesByName, ServerTls, pem
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.quic.udp import Path, UdpEndpoint
from smbquic.transport.quic.unauthenticated import UnauthenticatedClient
from smbquic.transport.refusals import ListenerRefusal, Refusals, log_refusal
from smbquic.transport.serving import MAX_CONNECTIONS, Connections, Limiter

logger = logging.getLogger(__name__)

OnFailed = Callable[[str, TransportError, ClientHello], object]
"""Called with each handshake that failed: the client's address, why, and its ClientHello."""


async def listen(
    host: str,
    port: int,
    on_connection: OnConnection,
    *,
    certificate: ServerTls | CertificatesByName,
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    max_connections: int = MAX_CONNECTIONS,
    options: QuicOptions | None = None,
    limiter: Limiter | None = None,
) -> "QuicListener":
    """Accept connections on the first address of `host`; port 0 picks one.

    Raises `OSError` where the address cannot be had or a file not be read, `ConnectError` where
    `host` has no address, `HandshakeError` where the files hold no certificate and its key,
    `EngineError` for options that no engine has together.
    """
    address, *_ = await resolve(host, port, socket.SOCK_DGRAM, passive=True)
    connections = Connections(on_connection, max_connections, limiter)
    return QuicListener(
        address, certificate, connections, options or QuicOptions(), max_message_size, limiter
    )


async def listen_on(
    sock: socket.socket,
    on_connection: OnConnection,
    *,
    certificate: ServerTls | CertificatesByName,
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    max_connections: int = MAX_CONNECTIONS,
    options: QuicOptions | None = None,
    limiter: Limiter | None = None,
) -> "QuicListener":
    """Accept connections on a UDP socket, such as one of `steering.open_group`.

    The listener closes it with itself. Listeners on the same port need `options` with the same keys
    and different worker numbers. Raises what `listen` raises, except for the address.
    """
    connections = Connections(on_connection, max_connections, limiter)
    return QuicListener(
        sock, certificate, connections, options or QuicOptions(), max_message_size, limiter
    )


class QuicListener:
    """A UDP socket that accepts QUIC connections."""

    def __init__(
        self,
        address: Address | socket.socket,
        certificate: ServerTls | CertificatesByName,
        connections: Connections,
        options: QuicOptions,
        max_message_size: int,
        limiter: Limiter | None = None,
    ) -> None:
        self.on_failed: OnFailed | None = None
        self._options = options
        self._connections = connections
        self._limiter = limiter
        self._refusals = Refusals(log_refusal) if limiter is None else limiter.refusals
        self._max_message_size = max_message_size
        self._certificate = certificate
        self._verifies_clients = _verifies_clients(certificate)
        self._engines = server_engines(certificate, options)
        self._ids: dict[QuicConnection, _IssuedIds] = {}
        self._half_open = HalfOpenHandshakes[QuicConnection](
            options.max_half_open, options.max_half_open_of_address
        )
        self._closing = False
        self._lost_before = 0
        self._id_source = ConnectionIdSource(options.connection_ids)
        self._validator = AddressValidator(options.keys.address_validation, self._id_source)
        self._router = Router(
            self._accept,
            self._reply,
            self._answer_unmatched,
            # Another certificate may have other engines.
            versions=lambda datagram: self._engines.versions(datagram),
            id_size=self._id_source.size,
        )
        self._endpoint = UdpEndpoint(self._router, local=address)
        try:
            self._read_for = socket_reader(
                self.engine, self._endpoint, self._router, self._id_source.size, options.io_threads
            )
        except OSError:
            self._endpoint.close()
            raise
        self._routes = Routes(self._endpoint.local)
        self.url = url("quic", endpoint(self._endpoint.local))
        self._resets = self._stateless_resets()
        logger.info("%s: the QUIC engine is %s", self.url, self.engine)

    @property
    def engine(self) -> EngineChoice:
        """The engine of most connections; that of each one is in `Peer.engine`."""
        return self._engines.usual[0]

    @property
    def lost_packets(self) -> int:
        """Packets that its connections have lost, including those that have ended."""
        return self._lost_before + sum(map(_lost, self._ids))

    def reload(self, certificate: ServerTls | CertificatesByName | None = None) -> None:
        """Read the certificate anew, for connections from now on.

        Raises what `listen` raises for files, and keeps the old certificate then.
        """
        certificate = certificate or self._certificate
        before = self.engine
        self._engines = server_engines(certificate, self._options)
        if self.engine != before:
            logger.info("%s: the QUIC engine is %s now", self.url, self.engine)
        self._certificate = certificate
        self._verifies_clients = _verifies_clients(certificate)
        self._resets = self._stateless_resets()

    def _stateless_resets(self) -> StatelessResets:
        secret = self._options.keys.stateless_resets or _private_key(self._certificate)
        return StatelessResets(secret, self.url)

    def drop(self, reason: str) -> None:
        """End the connections that were accepted at once, whatever waits to be sent to them."""
        self._connections.drop(reason)

    async def close(self) -> None:
        """Stop accepting, end the connections that were accepted, and wait for both."""
        self._closing = True
        for connection in list(self._half_open):
            connection.abort(ConnectionClosed("the server is stopping"))
        await self._connections.close()
        for connection in list(self._ids):
            connection.abandon()
        self._ids.clear()
        self._routes.close()
        self._endpoint.close()

    # `ConnectionEvents`: methods that the connections call.

    def established(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`."""
        self._half_open.remove(connection)
        self._connections.start(QuicTransport(connection, self._max_message_size))

    def handshake_failed(self, connection: QuicConnection, error: TransportError) -> None:
        """See `ConnectionEvents`."""
        self._half_open.remove(connection)
        logger.info("a handshake failed: %s", error)
        if self.on_failed is not None:
            self.on_failed(connection.name, error, connection.client_hello)

    def closed(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`."""
        self._half_open.remove(connection)

    def terminated(self, connection: QuicConnection) -> None:
        """See `ConnectionEvents`."""
        ids = self._ids.pop(connection, None)
        if ids is not None:
            self._lost_before += _lost(connection)
            ids.remove_all()

    # Methods that the router calls.

    def _accept(
        self, datagram: bytes, connection_id: bytes, path: Path, now: float, ecn: int
    ) -> Destination | None:
        """Return a new connection; None if its client has to wait or is not accepted.

        If many handshakes are half open, or have cost much, their addresses may be forged. Then a
        client has to validate its address before anything is kept for it.
        """
        if self._closing:
            return None
        accepted = None
        limiter, started = self._limiter, perf_counter()
        original_id = self._validator.original_id(datagram, path, now)
        if original_id is None and self._is_crowded():
            self._ask_for_token(datagram, path, now)
        elif limiter is None:
            accepted = self._begin(datagram, connection_id, original_id, path, now)
        else:
            begin = partial(
                self._begin_postponed, limiter, datagram, connection_id, original_id, path, ecn
            )
            limiter.postpone(endpoint(path[0])[0], len(datagram), begin)
        if limiter is not None:
            limiter.charge(perf_counter() - started)
        return accepted

    def _ask_for_token(self, datagram: bytes, path: Path, now: float) -> None:
        """Send a Retry packet, after which the client begins anew with a token."""
        challenge = self._validator.retry(datagram, path, now)
        if challenge is not None:
            host, port = endpoint(path[0])
            self._refusals.add(ListenerRefusal.UNVALIDATED, f"{host}:{port}")
            self._reply(challenge, path)

    def _begin_postponed(
        self,
        limiter: Limiter,
        datagram: bytes,
        connection_id: bytes,
        original_id: bytes | None,
        path: Path,
        ecn: int,
    ) -> None:
        """Make the connection of a datagram that had to wait, unless an earlier one has made it."""
        started, now = perf_counter(), monotonic()
        destination = self._router.destination(connection_id)
        if destination is None and not self._closing:
            destination = self._begin(datagram, connection_id, original_id, path, now)
        limiter.charge(perf_counter() - started)
        if destination is not None:
            destination.datagram_received(datagram, path, now, ecn)

    def _begin(
        self,
        datagram: bytes,
        connection_id: bytes,
        original_id: bytes | None,
        path: Path,
        now: float,
    ) -> Destination | None:
        """Make the connection of a client's first datagram, which is not processed yet.

        `original_id` is the connection ID that the client used first, if its address is validated.
        """
        host, port = endpoint(path[0])
        try:
            choice, make_engine = self._engines.find(datagram)
        except EngineError as error:
            logger.info("%s: a client is not accepted: %s", self.url, error)
            return None
        validated = host if original_id is not None else ""
        if not self._has_room(host, validated, now):
            return None
        ids = _IssuedIds(self._router)
        acceptance = Acceptance(
            original_id=original_id or connection_id,
            retry_id=connection_id if original_id else None,
            first_datagram=len(datagram),
            connection_ids=self._id_source,
            reset_token=self._resets.token,
            restricted=self._limiter is not None,
        )
        sizes = self._options.sizes_to(path[0], self._routes.largest_payload)
        engine = make_engine(sizes, ids, acceptance)
        if self._read_for is not None:
            self._read_for(engine)
        connection = QuicConnection(
            engine,
            self._endpoint,
            path,
            self._options,
            self,
            Role(
                choice,
                f"{host}:{port}",
                is_client=False,
                verified=self._verifies_clients,
                certificate=self._certificate,
                trace_id=acceptance.original_id.hex(),
            ),
        )
        # Until it has the server's ID, a client uses the one that it has chosen ([RFC9000] 7.2).
        ids.destination = connection.receiver
        ids.issued(connection_id)
        ids.issued(engine.connection_id)
        self._ids[connection] = ids
        self._half_open.add(connection, validated, now)
        if self._limiter is not None:
            is_over = connection.lifecycle.is_terminated
            client = UnauthenticatedClient(self._limiter, connection.process, is_over)
            connection.receiver.restrict(client)
        return connection.receiver

    def _has_room(self, host: str, validated: str, now: float) -> bool:
        """Return whether one more handshake may begin; an old one may be ended for it."""
        half_open, limiter = self._half_open, self._limiter
        if half_open.full_of(validated):
            self._refusals.add(ListenerRefusal.HALF_OPEN_OF_ADDRESS, host)
            return False
        if limiter is not None and not limiter.admits(host):
            return False
        if not half_open.full:
            return True
        replaced = half_open.to_replace(validated, now)
        if replaced is None:
            self._refusals.add(ListenerRefusal.HALF_OPEN, host)
            return False
        replaced.abort(ConnectionClosed("it was replaced by another handshake"))
        return True

    def _answer_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """Answer with a stateless reset, as this server may have lost the connection's state."""
        connection_id = datagram[1 : 1 + self._id_source.size]
        if not self._id_source.is_own(connection_id):
            # The kernel steers a segment batch by its first datagram: the connection of another one
            # may be alive in another worker, which has the same tokens.
            return
        reset = self._resets.answer(datagram, connection_id, now)
        if reset is not None:
            self._reply(reset, path)

    def _is_crowded(self) -> bool:
        """Return whether many handshakes are half open, or have cost much."""
        return self._half_open.many or (self._limiter is not None and self._limiter.busy)

    def _reply(self, datagram: bytes, path: Path) -> None:
        self._endpoint.send([datagram], path)


def _lost(connection: QuicConnection) -> int:
    return connection.statistics().lost_packets or 0


def _verifies_clients(certificate: ServerTls | CertificatesByName) -> bool:
    all_ = certificate.all if isinstance(certificate, CertificatesByName) else (certificate,)
    return any(each.verify is not None for each in all_)


def _private_key(certificate: ServerTls | CertificatesByName) -> bytes:
    """Return a private key, which is still the same after the server was restarted."""
    if isinstance(certificate, CertificatesByName):
        certificate = certificate.default or certificate.all[0]
    return pem(certificate.key)


class _IssuedIds:
    """The connection IDs of one connection that the router knows."""

    destination: Destination

    def __init__(self, router: Router) -> None:
        self._router = router
        self._issued: set[bytes] = set()

    def issued(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._issued.add(connection_id)
        self._router.add(connection_id, self.destination)

    def retired(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._issued.discard(connection_id)
        self._router.remove(connection_id)

    def remove_all(self) -> None:
        """Remove them from the router, as the connection has terminated."""
        for connection_id in self._issued:
            self._router.remove(connection_id)
