"""The adapter of qh3, which has a core in Rust and is several times as fast as aioquic.

As a server qh3 cannot ask for a certificate, and its congestion control is its own. The size of its
datagrams is in `path_mtu.py`, how they are made in `sender.py`.

Two objects of the library are used. `QuicConnection` in Python runs the handshake and converts what
the core reports into events. The core has the packets, the streams and the loss recovery.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qh3.quic import events
from qh3.quic.connection import QuicConnectionState
from qh3.quic.packet import QuicErrorCode

from smbquic.transport.quic.engine import (
    INTERNAL_ERROR,
    Acceptance,
    CloseReason,
    ConnectionIds,
    DatagramSizes,
    Security,
)
from smbquic.transport.quic.path_validation import PathValidator
from smbquic.transport.quic.qh3.announcements import Announcements
from smbquic.transport.quic.qh3.connection import Qh3Configuration, Qh3Connection
from smbquic.transport.quic.qh3.core_access import DirectAccess
from smbquic.transport.quic.qh3.path_mtu import PathMtuMonitor, first_size, probe_timeout
from smbquic.transport.quic.qh3.segments import ACKNOWLEDGE
from smbquic.transport.quic.qh3.send_queue import SendMemory
from smbquic.transport.quic.qh3.sender import Sender
from smbquic.transport.quic.qh3.status import Qh3Status
from smbquic.transport.quic.receive_estimate import ReceiveEstimate
from smbquic.transport.quic.tls_context import HandshakeSettings
from smbquic.transport.quic.udp import Batch, Path
from smbquic.wire.cursor import Buffer

KEY_LIFETIME = 1 << 22
"""Datagrams that are sent with one key: half of the 2^23 packets that AES-GCM allows
([RFC9001] 6.6), as one datagram has one packet once the handshake is complete."""
CORE_ADDRESS = {4: ("192.0.2.1", 1), 6: ("2001:db8::1", 1)}
"""The address of the peer that the core is given, always the same. A core forgets no address and
ignores packets from a fifth one; the real addresses are in `PathValidator`."""
CLOSED_FOR = 3
"""Probe timeouts that the closing or draining period takes ([RFC9000] 10.2)."""
ANSWER_DELAY = 0.004
"""Seconds that a server's acknowledgement may wait beyond the core's own delay. It is mostly sent
with an answer by then; a timer for every second request would cost more than it gains."""
KEEP_ALIVE, VALIDATE_PATH = 0, 1
"""The numbers of PINGs that have nothing to do with the path MTU."""

logger = logging.getLogger(__name__)


class Qh3Engine(Qh3Status):
    """An `Engine` on qh3's `QuicConnection`.

    `memory` limits what all connections of a server keep to be sent. The core's windows cannot be
    changed: how much a restricted peer may send is limited by the transport.
    """

    def __init__(
        self,
        configuration: Qh3Configuration,
        settings: HandshakeSettings,
        memory: SendMemory | None,
        sizes: DatagramSizes,
        ids: ConnectionIds,
        acceptance: Acceptance | None = None,
    ) -> None:
        self.security: Security | None = None
        self.close_reason: CloseReason | None = None
        self.finished = False
        self.resized: tuple[int, int] | None = None
        self._ids = ids
        self._is_client = configuration.is_client
        self._handshake: events.HandshakeCompleted | None = None
        self._sent = 0
        self._next_key_update = KEY_LIFETIME
        self._core_address = CORE_ADDRESS[4]
        self._announcements: Announcements | None = None
        self._paths = PathValidator()
        self._validation_due = False
        self._authenticated = 0
        self._now = 0.0
        self._received_at = 0.0
        # More than the largest message, of which all has to be here before any of it is fetched.
        self.capacity = configuration.max_data * 3 // 4
        first = acceptance.first_datagram if acceptance is not None else 0
        size = first_size(sizes, is_client=self._is_client, first_datagram=first)
        quic = Qh3Connection(
            replace(
                configuration,
                connection_id_length=(
                    acceptance.connection_ids.size
                    if acceptance is not None
                    else configuration.connection_id_length
                ),
                max_datagram_size=size,
            ),
            sizes,
            settings,
            acceptance,
            self.capacity,
        )
        super().__init__(
            quic,
            Sender(quic, memory, is_open=self._is_client, on_failure=self._cannot_build),
            PathMtuMonitor(quic, sizes, size, self._size_changed),
            ReceiveEstimate(restricted=acceptance is not None and acceptance.restricted),
        )

    def _size_changed(self, before: int, now: int) -> None:
        self.resized = (before, now)

    # Receiving.

    def connect(self, path: Path, now: float) -> None:
        """See `Engine`."""
        self._begin(path)
        self._quic.connect(self._core_address, now)

    def _begin(self, path: Path) -> None:
        self._core_address = CORE_ADDRESS[6 if ":" in str(path[0][0]) else 4]
        self._paths.received(path, 0)

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """See `Engine`."""
        if self._paths.current is None:
            self._begin(path)
        self._estimate.arrived(len(datagram), 1)
        self._now = self._received_at = now
        try:
            has_events = self._sender.access.receive(datagram, self._core_address, now)
        except Exception:
            self._fail()
            has_events = True
        self._received(path, len(datagram), has_events=has_events)

    def receive_segments(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """See `Engine`."""
        if self._paths.current is None:
            self._begin(path)
        self._estimate.arrived(len(segments), -(-len(segments) // size))
        self._now = self._received_at = now
        try:
            access = self._sender.access
            has_events = access.receive_segments(segments, size, self._core_address, now)
        except Exception:
            self._fail()
            has_events = True
        self._received(path, len(segments), has_events=has_events)

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`: the core recognizes a stateless reset by itself."""
        self.receive(datagram, path, now)

    def _received(self, path: Path, size: int, *, has_events: bool) -> None:
        """Act on what datagrams have brought, and on a change of the peer's address."""
        # Until the stream is open, its first data has to be noticed, too.
        if has_events or not self._sender.is_open:
            self._take_events()
        core: Any = self._quic._core
        before = self._authenticated
        self._authenticated = 0 if core is None else core.authenticated
        # An attacker on the path can copy packets to another address. So only packets that are
        # authenticated and new change the path ([RFC9000] 9.3), and only a client's address may
        # change ([RFC9000] 9).
        if (
            self._authenticated > before
            and self.security is not None
            and not self._is_client
            and (path != self._paths.current or not self._paths.validated)
        ):
            self._validation_due = self._paths.received(path, size)

    def _guarded(self, operation: Callable[..., object], *arguments: object) -> None:
        try:
            operation(*arguments)
        except Exception:
            self._fail()
        self._take_events()

    def _fail(self) -> None:
        """Close the connection, and no other, where the library fails on what a peer has sent."""
        logger.exception("the QUIC engine failed")
        self.close(INTERNAL_ERROR, "", application=False)

    def read(self) -> list[bytes]:
        """See `Engine`."""
        core: Any = self._quic._core
        # Without a core, before the first datagram, nothing can have arrived.
        pieces: list[bytes] = core.take() if core is not None else []
        if pieces:
            self._estimate.read(sum(map(len, pieces)))
        return pieces

    def release(self, count: int) -> bool:
        """See `Engine`."""
        core: Any = self._quic._core
        was_full = core.full
        core.unread -= count
        if was_full and not core.full:
            # The core announces its windows by itself as its data is taken ([RFC9000] 4.2).
            self._guarded(self._quic._drain_core)
            return True
        return False

    def authenticated(self) -> None:
        """See `Engine`."""
        self._estimate.restricted = False

    # Sending.

    def write(self, *buffers: Buffer) -> None:
        """See `Engine`."""
        if self.close_reason is None:
            self._sender.write(buffers, self._now)

    def ping(self) -> None:
        """See `Engine`."""
        if self.close_reason is None and self._quic._core is not None:
            self._quic.send_ping(KEEP_ALIVE)

    def datagrams(self, now: float) -> list[Batch]:
        """See `Engine`."""
        path = self._paths.current
        self._now = now
        metered: Any = self._quic._core
        if metered is None or path is None or self.terminated:
            return []
        core = metered.core
        # The core's size may have grown since the last call.
        self._sender.datagram_size = self._path_mtu.size
        datagrams = self._sender.datagrams(core, now)
        if datagrams and self.close_reason is not None and self._closed_until is None:
            # The core's own period is counted from when it was last called, and is over at once.
            self._closed_until = now + CLOSED_FOR * probe_timeout(core)
        if self._validation_due or (
            self.close_reason is None
            and self._path_mtu.wants_trial(core, now, established=self.security is not None)
        ):
            # Path validation takes a PATH_CHALLENGE ([RFC9000] 8.2.1), which the core would send
            # to its one address. The acknowledgement of a PING takes its place. It is alone in its
            # datagram: what else could be sent has been taken already.
            core.send_ping(VALIDATE_PATH if self._validation_due else self._path_mtu.trial)
            self._validation_due = False
            self._sender.poll(core, now, datagrams)
        if self._announcements is not None and self._announcements.pending:
            datagrams = [self._announcements.taken_out(each) for each in datagrams]
        self._sent += len(datagrams)
        # Not before the handshake is confirmed ([RFC9001] 6.1).
        if self._sent >= self._next_key_update and self._quic._handshake_confirmed:
            self._renew_keys()
        if not self._paths.validated:
            # Three times what came from the new address ([RFC9000] 9.3). The rest counts as lost,
            # and is sent again once the address is validated.
            datagrams = [each for each in datagrams if self._paths.may_send(len(each))]
        return [(datagrams, path)] if datagrams else []

    def _cannot_build(self, error: RuntimeError) -> None:
        # Before the client's address is validated, its anti-amplification limit may leave no room
        # for a datagram ([RFC9000] 8.1). It is built when the client has sent more.
        if self.security is not None:
            logger.error("the QUIC engine cannot build a datagram: %s", error)
            self.close(INTERNAL_ERROR, "", application=False)

    def _renew_keys(self) -> None:
        try:
            self._quic.request_key_update()
        except ValueError:
            return  # the former update is not acknowledged yet ([RFC9001] 6.1): try again soon
        self._next_key_update = self._sent + KEY_LIFETIME

    # Time.

    def timer(self) -> float | None:
        """See `Engine`."""
        core: Any = self._quic._core
        timer = core.core.get_timer() if core is not None else None
        # In the closing period nothing else is due: the core has ended its own.
        if self._closed_until or timer is None:
            return self._closed_until
        due: float = timer[1]
        return due if self._is_client or timer[0] != ACKNOWLEDGE else due + ANSWER_DELAY

    def tick(self, now: float) -> None:
        """See `Engine`."""
        self._now = now
        if self._closed_until is not None and now >= self._closed_until:
            self._terminate()
        self._guarded(self._quic.handle_timer, now)
        # Only a client's core probes for larger datagrams.
        if self._is_client and self._quic._core is not None:
            self._path_mtu.check_growth(now)

    # The end of the connection, and what the library reports.

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """See `Engine`."""
        if self.close_reason is None:
            # With a frame type the library sends a CONNECTION_CLOSE of QUIC, and without one that
            # of the application ([RFC9000] 19.19).
            self._quic.close(code, None if application else 0, reason)
            self._end(CloseReason(code, reason, application, ours=True, cause=self._cause))

    def abandon(self) -> None:
        """See `Engine`."""
        self.close(INTERNAL_ERROR, "", application=False)
        self._terminate()

    def free(self) -> None:
        """See `Engine`."""
        self._sender.free()
        # The parts of the library refer to each other, and to this object.
        vars(self._quic).clear()

    def _terminate(self) -> None:
        self._closed_until = None
        self._quic._state = QuicConnectionState.TERMINATED
        self._quic._end_trace()

    def _take_events(self) -> None:
        core: Any = self._quic._core
        if core is not None and core.pieces:
            # Data has arrived, so the client has opened the stream: a server may write now.
            self._sender.is_open, self.finished = self.close_reason is None, core.finished
        while (event := self._quic.next_event()) is not None:
            match event:
                case events.HandshakeCompleted():
                    self._handshake = event
                case events.PingAcknowledged(uid=uid):
                    if uid == VALIDATE_PATH:
                        self._paths.acknowledged()
                    else:
                        self._path_mtu.acknowledged(uid, self._received_at)
                case events.ConnectionIdIssued():
                    self._issued(event.connection_id)
                case events.ConnectionIdRetired():
                    self._retired(event.connection_id)
                # SMB has one stream for everything: without either direction nothing can go on.
                case events.StreamReset() | events.StopSendingReceived():
                    self.close(0, "the stream was reset")
                # The data of stream 0 is no event: `MeteredCore` takes it out.
                case events.StreamDataReceived():
                    self.close(QuicErrorCode.STREAM_LIMIT_ERROR, "SMB has one stream")
                case _:
                    pass
        if self.security is None:
            self._check_handshake()
        if self.close_reason is None:
            self._check_closed()

    def _issued(self, connection_id: bytes) -> None:
        if self._quic.has_random_ids:
            self._ids.issued(connection_id)
            return
        if self._announcements is None:
            self._announcements = self._quic.announcements()
        self._announcements.hide(connection_id)

    def _retired(self, connection_id: bytes) -> None:
        if self._announcements is not None and connection_id != self.connection_id:
            self._announcements.forget(connection_id)
        else:
            self._ids.retired(connection_id)

    def _check_handshake(self) -> None:
        if self._handshake is None or self.close_reason is not None or not self._confirmed:
            return
        self.security = self._security_of(self._handshake)
        self._path_mtu.established()
        # A qlog trace needs the library to see every packet.
        if self._quic._quic_logger is None:
            self._sender.access = DirectAccess(self._quic)

    def _check_closed(self) -> None:
        close_reason = self._reported_close_reason()
        if close_reason is not None:
            self._end(close_reason)

    def _end(self, close_reason: CloseReason) -> None:
        if self.close_reason is None:
            self.close_reason = close_reason
            self._sender.is_open = False
