"""The adapter of the native engine, whose connection is a state machine of quinn-proto.

Each connection has an endpoint of the library for itself, so that a failure ends no other one. The
library has packets, streams, loss recovery and TLS; here are its windows, addresses and the end.

Once the client has logged on, the library receives and sends the datagrams of a connection by
itself, in the event loop (`reader.py`). With I/O threads, one of them takes the connection over
(`io_threads.py`): it receives, sends and has the timers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from smbquic_native import ClientConfig, Connection, Settings, Ticket

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.framing import PREFIX_SIZE
from smbquic.transport.quic.engine import (
    INTERNAL_ERROR,
    UNAUTHENTICATED_WINDOW,
    Acceptance,
    CloseReason,
    ConnectionIds,
    DatagramSizes,
    Security,
    Verify,
)
from smbquic.transport.quic.native.answers import Answers, Choose
from smbquic.transport.quic.native.status import NativeStatus
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet_info import own_host
from smbquic.transport.quic.receive_estimate import ReceiveEstimate
from smbquic.transport.quic.tickets import LONGEST, Resumption
from smbquic.transport.quic.udp import Batch, Path, SegmentBatch
from smbquic.wire.cursor import Buffer

if TYPE_CHECKING:
    # Only on Linux.
    from smbquic_native import ThreadedConnection

    from smbquic.transport.quic.native.io_threads import NativeIoThreads
    from smbquic.transport.quic.native.reader import Direct, NativeReader

Datagrams = tuple[bytes | bytearray, int, int, int]
"""Datagrams of the library: their bytes, the size of each, the number of the address, ECN bits."""
DIRECT_AFTER = 32
"""Batches of datagrams after which the library receives by itself: it needs another descriptor of
the socket for that, which is not worth it for a connection that is soon over."""
CLOSED_FOR = 3.0
"""Seconds for which a handshake that failed with its first packet answers no other one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClientSide:
    """A client's TLS for one server."""

    config: ClientConfig
    server_name: str
    verify: Verify | None
    resumption: Resumption | None


@dataclass(frozen=True, slots=True)
class ServerSide:
    """A server's TLS, which is chosen by the name that a client asks for."""

    choose: Choose


@dataclass(slots=True)
class NativeSession:
    """A ticket of the library, with the attributes that `Resumption.keep` uses."""

    ticket: Ticket
    not_valid_before: datetime
    not_valid_after: datetime
    max_early_data_size: int | None = None


class NativeEngine(NativeStatus):
    """An `Engine` on the native extension."""

    def __init__(
        self,
        side: ClientSide | ServerSide,
        options: QuicOptions,
        sizes: DatagramSizes,
        ids: ConnectionIds,
        acceptance: Acceptance | None = None,
    ) -> None:
        self.security: Security | None = None
        self.finished = False
        # What the library has counts as sent up to the congestion window.
        self.unsent = 0
        self.resized: tuple[int, int] | None = None
        # What was read counts as fetched for the library, which lets the peer send more: at most a
        # window, besides this.
        self.capacity = options.window * 3 // 4
        self._side = side
        restricted = acceptance is not None and acceptance.restricted
        self.io_threads: NativeIoThreads | None = None
        self.reader: Callable[[], NativeReader] | None = None
        # Batches until the library reads by itself, and what knows the connection then.
        self._until_direct = 0
        self._direct: Direct | None = None
        # Bytes that may be read before they are released.
        self._limit = UNAUTHENTICATED_WINDOW // 2 if restricted else self.capacity
        answers = Answers(
            ids,
            acceptance.connection_ids if acceptance is not None else None,
            acceptance.reset_token if acceptance is not None else None,
            side.verify if isinstance(side, ClientSide) else None,
            side.choose if isinstance(side, ServerSide) else None,
        )
        super().__init__(
            _connection(
                side,
                options,
                sizes,
                answers,
                acceptance,
                self._limit if restricted else options.window,
            ),
            answers,
            options.idle_timeout,
            sizes.start,
            ReceiveEstimate(restricted=restricted),
        )
        # The addresses of the peer by their numbers, and the last one.
        self._paths: dict[int, Path] = {}
        self._path: Path | None = None
        self._number = 0
        self._now = 0.0
        self._unread = 0
        self._pieces: list[bytes | bytearray] = []
        self._datagram_size = sizes.start
        self._closing: tuple[int, str] | None = None
        # A server without path MTU discovery sends jumbo frames if its client's first one is larger
        # than an Ethernet carries. The library fills no Initial packet beyond 1200 bytes.
        jumbo = isinstance(side, ClientSide) and sizes.jumbo
        self._larger_first = sizes.most if jumbo else 0

    # Receiving.

    def connect(self, path: Path, now: float) -> None:
        """See `Engine`."""
        assert isinstance(self._side, ClientSide), "only a client connects"
        assert isinstance(self._quic, Connection), "a thread takes over what is established"
        self._now = now
        self._number_of(path)
        self._quic.connect(self._side.server_name, now)

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """See `Engine`."""
        self.receive_segments(datagram, len(datagram), path, now, ecn)

    def receive_segments(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """See `Engine`."""
        self._now = now
        if not segments:
            return
        if path != self._path:
            self._number = self._number_of(path)
            self._path = path
            if self._direct is not None:
                self._expect(path)
        elif self._until_direct:
            self._until_direct -= 1
            if not self._until_direct:
                self._become_direct(path)
        limit = self._limit
        # For the library, what is read is fetched, so that the window moves.
        room = max(0, limit - self._unread)
        try:
            (pieces, count), changed = self._quic.receive(
                segments, size, self._number, now, ecn, room, limit - PREFIX_SIZE
            )
        except RuntimeError:
            self._fail()
            return
        if isinstance(self._quic, Connection):
            self._estimate.exchanged(len(segments), -(-len(segments) // size), count)
        if count:
            self._keep(pieces, count)
        if changed or self._answers.tickets:
            self._take_changes()

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`: the library recognizes a stateless reset by itself."""
        self.receive(datagram, path, now)

    def _number_of(self, path: Path) -> int:
        """Return the number that the library knows the peer's address by."""
        paths = self._paths
        number = next((number for number, known in paths.items() if known == path), None)
        if number is None:
            host, port, *more = path[0]
            number = self._quic.add_address(host, port, more[1] if len(more) > 1 else 0)
            paths[number] = path
        return number

    def read(self) -> list[bytes | bytearray]:
        """See `Engine`."""
        quic = self._quic
        if self._direct is not None:
            assert isinstance(quic, Connection), "a thread has a socket of its own"
            self._take_direct(quic)
        elif not isinstance(quic, Connection):
            self._take_from(quic)
        pieces, self._pieces = self._pieces, []
        return pieces

    def _take_direct(self, quic: Connection) -> None:
        """Take what comes of the datagrams that the library has received by itself."""
        limit = self._limit
        room = max(0, limit - self._unread)
        try:
            (pieces, count), changed, (size, datagrams) = quic.take(room, limit - PREFIX_SIZE)
        except RuntimeError:
            self._fail()
            return
        self._estimate.exchanged(size, datagrams, count)
        self._keep(pieces, count)
        if changed or self._answers.tickets:
            self._take_changes()

    def _take_from(self, thread: ThreadedConnection) -> None:
        """Take what an I/O thread has received."""
        # First, so that all that was received before the end is taken.
        self._take_changes()
        try:
            pieces, count, size, datagrams = thread.take()
        except RuntimeError:
            self._fail()
            return
        self.finished = thread.finished
        self._estimate.exchanged(size, datagrams, count)
        self._keep(pieces, count)

    def _keep(self, pieces: list[bytes | bytearray], count: int) -> None:
        self._pieces += pieces
        self._unread += count

    def release(self, count: int) -> bool:
        """See `Engine`."""
        was_full = self._unread >= self._limit
        self._unread -= count
        if not isinstance(self._quic, Connection):
            return self._quic.release(count)
        if not was_full or self._unread >= self._limit:
            return False
        try:
            read, changed = self._quic.read(self._limit - self._unread, self._limit - PREFIX_SIZE)
        except RuntimeError:
            self._fail()
            return True
        self._estimate.read(read[1])
        self._keep(*read)
        if changed:
            self._take_changes()
        return True

    def authenticated(self) -> None:
        """See `Engine`."""
        self._limit = self.capacity
        self._estimate.restricted = False
        if isinstance(self._quic, Connection):
            self._quic.set_receive_window()
            if self.security is not None:
                self._adopt(self._quic)

    # Sending.

    def write(self, *buffers: Buffer) -> None:
        """See `Engine`."""
        if self.close_reason is None:
            for buffer in buffers:
                self.unsent = self._quic.write(buffer)

    def ping(self) -> None:
        """See `Engine`."""
        if self.close_reason is None:
            self._quic.ping()

    def datagrams(self, now: float) -> list[Batch]:
        """See `Engine`."""
        self._now = now
        if self._abandoned:
            return []
        try:
            if self._closing is not None:
                # Only now: the closing period begins when the peer is told.
                code, phrase = self._closing
                self._closing = None
                self._quic.close(code, phrase, now)
            made, self.unsent, changed = self._quic.datagrams(now)
        except RuntimeError:
            self._fail()
            return []
        if made and self.security is None:
            if self._larger_first and not self._quic.begun:
                made.insert(0, _padded(made[0], self._larger_first))
            if self._quic.begun and self._quic.terminated:
                # The first packet was refused, so that the library has no connection: no late one
                # of the same handshake is to begin another.
                self._closed_until = now + CLOSED_FOR
        if changed:
            self._take_changes()
        batches: list[Batch] = []
        for data, size, number, ecn in made:
            batch: bytes | SegmentBatch
            if isinstance(data, bytes) and not ecn and len(data) <= size:
                batch = data
            else:
                batch = SegmentBatch(data, size, ecn)
            batches.append(([batch], self._paths[number]))
        return batches

    # Time.

    def timer(self) -> float | None:
        """See `Engine`."""
        if self._abandoned:
            return None
        if self._closing is not None:
            return self._now
        return self._closed_until or self._quic.timer()

    def tick(self, now: float) -> None:
        """See `Engine`."""
        self._now = now
        if self._closed_until is not None and now >= self._closed_until:
            self._closed_until = None
        try:
            changed = self._quic.tick(now)
        except RuntimeError:
            self._fail()
            return
        if changed:
            self._take_changes()

    # The end of the connection, and what the library reports.

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """See `Engine`: the library has a CONNECTION_CLOSE of the application only."""
        if self.close_reason is None:
            self._end(CloseReason(code, reason, application, ours=True, cause=self._answers.cause))
            self._closing = (code, reason)

    def abandon(self) -> None:
        """See `Engine`."""
        self.close(INTERNAL_ERROR, "", application=False)
        self._abandoned = True

    def free(self) -> None:
        """See `Engine`."""
        self._abandoned = True
        self._pieces.clear()
        if self._direct is not None:
            self._direct.forget()
            self._direct = None
        self._quic.free()

    def _fail(self) -> None:
        """End the connection, and no other, where the library fails on what a peer has sent."""
        logger.exception("the QUIC engine failed")
        self._end(CloseReason(INTERNAL_ERROR, "", ours=True))
        self._abandoned = True

    def _take_changes(self) -> None:
        if self.security is None and self.close_reason is None:
            self._check_handshake()
        if self._answers.tickets:
            self._keep_tickets()
        self._check_size()
        self.finished = self._quic.finished
        if self.close_reason is None:
            self._check_closed()

    def _check_size(self) -> None:
        size = self._quic.datagram_size
        if size and size != self._datagram_size:
            self.resized = (self._datagram_size, size)
            self._datagram_size = size

    def _check_handshake(self) -> None:
        side = self._side
        self.security = self._negotiated(side.server_name if isinstance(side, ClientSide) else None)
        if self.security is not None and not self._estimate.restricted:
            assert isinstance(self._quic, Connection), "a thread takes over what is established"
            self._adopt(self._quic)

    def _adopt(self, quic: Connection) -> None:
        """Let an I/O thread take the connection over, or soon have the library read for it."""
        threads, path = self.io_threads, self._path
        if path is None or self.close_reason is not None:
            return
        if threads is None:
            self._until_direct = DIRECT_AFTER if self.reader is not None else 0
            return
        self._quic = threads.adopt(
            quic, path, self._answers.known_ids, capacity=self.capacity, unread=self._unread
        )
        self._answers.ids = threads.ids(self._answers.ids, self._quic, lambda: self._abandoned)

    def _become_direct(self, path: Path) -> None:
        """Have the library receive by itself."""
        assert self.reader is not None, "there is nothing that reads"
        assert isinstance(self._quic, Connection), "there is no thread"
        if self.close_reason is not None:
            return
        reader, answers = self.reader(), self._answers
        if reader.begin():
            direct = reader.adopt(self._quic, answers.known_ids, answers.ids)
            self._direct = answers.ids = direct
            self._expect(path)

    def _expect(self, path: Path) -> None:
        """Have the library receive what comes from the same addresses as the last datagram."""
        assert isinstance(self._quic, Connection), "there is no thread"
        self._quic.expect(self._number, own_host(path[1]))

    def _keep_tickets(self) -> None:
        tickets, self._answers.tickets = self._answers.tickets, []
        side = self._side
        if isinstance(side, ClientSide) and side.resumption is not None:
            chain = self.security.certificates if self.security else tuple(self._quic.claims[1])
            now = datetime.now(UTC)
            for ticket in tickets:
                # The library knows when a ticket expires, and does not use it any more then.
                session = NativeSession(ticket, now, now + timedelta(seconds=LONGEST))
                side.resumption.keep(session, chain)

    def _check_closed(self) -> None:
        reason = self._reported_close_reason()
        if reason is not None:
            self._end(reason)
        elif self._quic.reset:
            # SMB has one stream for everything: without either direction nothing can go on.
            self.close(0, "the stream was reset")

    def _end(self, reason: CloseReason) -> None:
        if self.close_reason is None:
            self.close_reason = reason


def _connection(
    side: ClientSide | ServerSide,
    options: QuicOptions,
    sizes: DatagramSizes,
    answers: Answers,
    acceptance: Acceptance | None,
    receive_window: int,
) -> Connection:
    """Return a connection of the library that has not begun."""
    settings = Settings(
        is_client=isinstance(side, ClientSide),
        window=options.window,
        receive_window=receive_window,
        idle_timeout=options.idle_timeout,
        congestion=options.congestion,
        datagram_size=sizes.start,
        smallest_datagram=sizes.start if sizes.certain else 1200,
        largest_datagram=sizes.most,
        id_size=answers.id_size,
    )
    if isinstance(side, ClientSide):
        ticket = side.resumption.take() if side.resumption is not None else None
        return Connection.client(
            side.config, settings, answers, ticket.session.ticket if ticket else None
        )
    retry = None
    if acceptance is not None and acceptance.retry_id is not None:
        retry = (acceptance.original_id, acceptance.retry_id)
    return Connection.server(settings, answers, retry)


def _padded(datagrams: Datagrams, size: int) -> Datagrams:
    """Return the first of some datagrams, with zeros behind it.

    These are no QUIC packet, so a receiver drops them ([RFC9000] 12.2, 17.3). Where the path does
    not carry it, the same datagram without them arrives, and else is a duplicate.
    """
    content, segment, path, ecn = datagrams
    return content[:segment].ljust(size, b"\0"), size, path, ecn
