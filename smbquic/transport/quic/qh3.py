"""The qh3 engine behind `Engine`: a core in Rust, several times as fast as aioquic.

It cannot ask clients for a certificate, its congestion control is its own, and a server does not
learn which name a client asked for; `aioquic.py` is for whoever needs those.
"""

import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qh3._hazmat import Certificate
from qh3.quic import events
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection, QuicConnectionState
from qh3.quic.logger import QuicFileLogger
from qh3.quic.packet import QuicErrorCode, QuicProtocolVersion
from qh3.tls import CipherSuite

from smbquic.errors import HandshakeError
from smbquic.transport.quic.engine import (
    CRYPTO_ERROR,
    INTERNAL_ERROR,
    ConnectionIds,
    Ending,
    Security,
    Verify,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import (
    ALPN,
    ClientTls,
    ServerTls,
    alert_of,
    certificates_in,
    pem,
    place,
    system_trust,
)
from smbquic.transport.quic.udp import Path
from smbquic.wire.cursor import Buffer

STREAM = 0
KEY_LIFETIME = 1 << 22
"""Datagrams sent with one key; 2^23 is what AES-GCM allows ([RFC9001] 6.6)."""
ORDINARY_DATAGRAM = 1472
"""What an Ethernet without jumbo frames carries over IPv4."""

logger = logging.getLogger(__name__)


def client_configuration(
    trust: ClientTls, server_name: str, options: QuicOptions
) -> QuicConfiguration:
    """A client's settings. Raises `OSError` and `HandshakeError` for files that do not do."""
    configuration = _configuration(options, is_client=True)
    configuration.server_name = server_name
    if trust.insecure or trust.verify is not None:
        configuration.verify_mode = ssl.CERT_NONE
    elif trust.ca is not None:
        configuration.cadata = certificates_in(trust.ca)
    else:
        configuration.cafile, configuration.capath = system_trust()
    return configuration


def server_configuration(identity: ServerTls, options: QuicOptions) -> QuicConfiguration:
    """A server's settings. Raises `OSError` and `HandshakeError` for files that do not do."""
    configuration = _configuration(options, is_client=False)
    certificates = certificates_in(identity.certificate)
    try:
        configuration.load_cert_chain(certificates, pem(identity.key))
    except (ValueError, TypeError) as error:
        raise HandshakeError(
            f"{place(identity.certificate, 'certificate')} and {place(identity.key, 'key')} do not"
            f" hold a certificate and its key: {error}",
            "certificate-file",
        ) from error
    return configuration


def _configuration(options: QuicOptions, *, is_client: bool) -> QuicConfiguration:
    configuration = QuicConfiguration(
        alpn_protocols=[ALPN],
        idle_timeout=options.idle_timeout,
        is_client=is_client,
        max_data=options.window,
        max_stream_data=options.window,
        supported_versions=[QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2],
    )
    if options.secrets_log is not None:
        configuration.secrets_log_file = options.secrets_log
    if options.qlog is not None:
        configuration.quic_logger = QuicFileLogger(str(options.qlog))
    return configuration


class _MeteredCore:
    """The Rust core, which keeps its data to itself while the application has enough.

    The core moves its windows as its data is taken, so that what is left in it holds the peer
    back. Events come in order: whatever is behind the data waits with it.
    """

    def __init__(self, core: Any, limit: int) -> None:
        self._core = core
        self._limit = limit
        self.unread = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    @property
    def full(self) -> bool:
        """Whether data stays in the core for now."""
        return self.unread >= self._limit

    def next_event(self) -> Any:
        """The core's next event, unless it would be too much."""
        if self.full:
            return None
        event = self._core.next_event()
        if event is not None and event[0] == "stream_data":
            self.unread += len(event[2])
        return event


class _Connection(QuicConnection):
    """A connection on a metered core."""

    def __init__(self, unread_limit: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._unread_limit = unread_limit

    def _create_core(self, remote_addr: Any, initial_dcid: bytes, now: float) -> None:
        super()._create_core(remote_addr, initial_dcid, now)
        metered: Any = _MeteredCore(self._core, self._unread_limit)
        self._core = metered


class Qh3Engine:
    """An `Engine` on qh3's `QuicConnection`. `verify` judges the server's certificate."""

    def __init__(
        self,
        configuration: QuicConfiguration,
        datagram_size: int,
        ids: ConnectionIds,
        *,
        verify: Verify | None = None,
        original_id: bytes | None = None,
        retry_id: bytes | None = None,
        first_datagram: int = 0,
    ) -> None:
        self.security: Security | None = None
        self.ending: Ending | None = None
        self.finished = False
        self._ids = ids
        self._verify = verify
        self._paths: dict[tuple[str, int], Path] = {}
        self._pieces: list[bytes] = []
        self._early: list[Buffer] = []
        self._cause: HandshakeError | None = None
        self._closed_by_us = False
        self._sent = 0
        self._next_key_update = KEY_LIFETIME
        self._stream_is_open = configuration.is_client
        if not configuration.is_client and first_datagram <= ORDINARY_DATAGRAM:
            # Before the client's address is proven it gets three times what it sent. The core
            # fails where one of its datagrams does not fit into that.
            datagram_size = min(datagram_size, ORDINARY_DATAGRAM)
        self._quic = _Connection(
            # More than the largest message, of which all has to be here before any of it goes.
            configuration.max_data * 3 // 4,
            configuration=replace(configuration, max_datagram_size=datagram_size),
            original_destination_connection_id=original_id,
            retry_source_connection_id=retry_id,
        )
        self.connection_id: bytes = self._quic.host_cid

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        core = self._quic._core
        return core is not None and bool(core.received_authenticated_packet)

    @property
    def terminated(self) -> bool:
        """See `Engine`."""
        return self._quic._state is QuicConnectionState.TERMINATED

    @property
    def unsent(self) -> int:
        """See `Engine`."""
        waiting = sum(map(len, self._early))
        return waiting + int(self._quic.get_send_buffer_size(STREAM))

    @property
    def unacknowledged(self) -> int:
        """See `Engine`: what is under way counts with its headers, nothing finer is known."""
        core = self._quic._core
        return self.unsent + (int(core.bytes_in_flight) if core is not None else 0)

    @property
    def idle_timeout(self) -> float:
        """See `Engine`."""
        own: float = self._quic.configuration.idle_timeout
        bridge = self._quic._tls
        parameters = bridge.remote_transport_parameters if bridge is not None else None
        if parameters is None or not parameters.max_idle_timeout:
            return own
        return min(own, parameters.max_idle_timeout / 1000)

    def connect(self, path: Path, now: float) -> None:
        """See `Engine`."""
        self._quic.connect(self._address_of(path), now)

    def _address_of(self, path: Path) -> tuple[str, int]:
        """What qh3 takes for an address: an IP address without a scope, and a port."""
        host, port = path[0][:2]
        address = (str(host).partition("%")[0], int(port))
        self._paths[address] = path
        return address

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`."""
        self._guarded(self._quic.receive_datagram, datagram, self._address_of(path), now)

    def receive_run(self, run: bytes, size: int, path: Path, now: float) -> None:
        """See `Engine`."""
        self._guarded(self._quic.receive_gro_buffer, run, size, self._address_of(path), now)

    def _guarded(self, operation: Callable[..., object], *arguments: object) -> None:
        try:
            operation(*arguments)
        except Exception:
            # Whatever a peer sends must not take the endpoint down with it.
            logger.exception("the QUIC engine failed")
            self.close(INTERNAL_ERROR, "", application=False)
        self._take_events()

    def read(self) -> list[bytes]:
        """See `Engine`."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def release(self, count: int) -> bool:
        """See `Engine`."""
        core: Any = self._quic._core
        was_full = core.full
        core.unread -= count
        if was_full and not core.full:
            # The core announces its windows by itself as its data is taken.
            self._guarded(self._quic._drain_core)
            return True
        return False

    def write(self, *buffers: Buffer) -> None:
        """See `Engine`."""
        if not self._stream_is_open:
            # The client opens the stream, so a server that speaks first has to wait.
            self._early.extend(buffers)
            return
        if self.ending is not None:
            return
        for buffer in buffers:
            self._quic.send_stream_data(STREAM, buffer)

    def ping(self) -> None:
        """See `Engine`."""
        if self.ending is None:
            self._quic.send_ping(0)

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """See `Engine`."""
        self._closed_by_us = self._quic._close_event is None
        self._quic.close(code, None if application else 0, reason)
        self._notice_ending()

    def abandon(self) -> None:
        """See `Engine`."""
        self.close(INTERNAL_ERROR, "", application=False)
        self._quic._state = QuicConnectionState.TERMINATED

    def datagrams(self, now: float) -> list[tuple[bytes, Path]]:
        """See `Engine`."""
        core = self._quic._core
        if core is None or self.terminated:
            return []
        poll, paths = core.poll_transmit, self._paths
        datagrams = []
        try:
            while (transmit := poll(now)) is not None:
                datagrams.append((transmit[0], paths[transmit[1]]))
        except RuntimeError as error:
            # Nothing is lost: what could not be built is built when the next timer comes.
            logger.debug("the QUIC engine could not build a datagram: %s", error)
        self._sent += len(datagrams)
        if self._sent >= self._next_key_update and self._quic._handshake_confirmed:
            self._next_key_update = self._sent + KEY_LIFETIME
            self._quic.request_key_update()
        return datagrams

    def timer(self) -> float | None:
        """See `Engine`."""
        at: float | None = self._quic.get_timer()
        return at

    def tick(self, now: float) -> None:
        """See `Engine`."""
        self._guarded(self._quic.handle_timer, now)

    def _take_events(self) -> None:
        while (event := self._quic.next_event()) is not None:
            match event:
                case events.StreamDataReceived(stream_id=0):
                    self._stream_is_open = True
                    self._pieces.append(event.data)
                    self.finished = self.finished or event.end_stream
                case events.HandshakeCompleted():
                    self._notice_handshake(event)
                case events.ConnectionIdIssued():
                    self._ids.issued(event.connection_id)
                case events.ConnectionIdRetired():
                    self._ids.retired(event.connection_id)
                case events.StreamReset() | events.StopSendingReceived():
                    self.close(0, "the stream was reset")
                case events.StreamDataReceived():
                    self.close(QuicErrorCode.STREAM_LIMIT_ERROR, "SMB has one stream")
                case _:
                    pass
        if self._early and self._stream_is_open:
            early, self._early = self._early, []
            self.write(*early)
        self._notice_ending()

    def _notice_handshake(self, event: events.HandshakeCompleted) -> None:
        leaf = self._quic.get_peercert()
        chain: list[Certificate] = [leaf, *self._quic.get_issuercerts()] if leaf else []
        certificates = tuple(bytes(certificate.public_bytes()) for certificate in chain)
        if self._verify is not None:
            try:
                self._verify(list(certificates))
            except HandshakeError as error:
                self._cause = error
                self.close(CRYPTO_ERROR + alert_of(error), str(error), application=False)
                return
        cipher = self._quic.get_cipher()
        self.security = Security(
            alpn=event.alpn_protocol or "",
            cipher=CipherSuite(cipher).name if cipher is not None else "",
            server_name=self._quic.configuration.server_name or "",
            certificates=certificates,
        )

    def _notice_ending(self) -> None:
        event = self._quic._close_event
        if event is None or self.ending is not None:
            return
        core = self._quic._core
        idle = event.reason_phrase == "Idle timeout"
        refused_here = core is not None and core.state == "closing"
        self.ending = Ending(
            code=int(event.error_code),
            reason=event.reason_phrase,
            application=event.frame_type is None,
            ours=self._closed_by_us or idle or refused_here,
            idle=idle,
            cause=self._cause,
        )
