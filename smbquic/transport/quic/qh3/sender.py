"""The sending end of the stream on qh3: when its core gets the data, and makes datagrams of it."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.transport.quic.qh3.core_access import CoreAccess, LibraryAccess
from smbquic.transport.quic.qh3.segments import FirstSegment
from smbquic.transport.quic.qh3.send_queue import AHEAD, SendMemory, SendQueue
from smbquic.wire.cursor import Buffer

STREAM = 0

_PAYLOAD = itemgetter(0)


class Sender:
    """The sending end of one stream.

    `is_open` means that the stream may be written to now, and `datagram_size` is the UDP payload of
    a full datagram in bytes. `on_failure` is called if the core cannot build a datagram.
    """

    def __init__(
        self,
        quic: Qh3Connection,
        memory: SendMemory | None,
        *,
        is_open: bool,
        on_failure: Callable[[RuntimeError], None],
    ) -> None:
        self.access: CoreAccess = LibraryAccess(quic)
        self.is_open = is_open
        self.datagram_size = 0
        self._quic = quic
        self._queue = SendQueue(memory)
        self._first_segment = FirstSegment()
        # Datagrams that were made while a message was written.
        self._made: list[bytes] = []
        self._on_failure = on_failure

    @property
    def unsent(self) -> int:
        """Bytes that were written and never sent."""
        return self.access.unsent(STREAM) + self._queue.size

    def write(self, buffers: Sequence[Buffer], now: float) -> None:
        """Send buffers, which must not change any more."""
        if not self.is_open:
            # The client opens the stream ([RFC9000] 2.1), so a server that sends first has to wait.
            self._queue.add(buffers)
        # Through the library a message waits for the next call of `datagrams`; so does what is more
        # than the core should have.
        elif (
            self._queue.size
            or not self.access.is_direct
            or self.unsent + sum(map(len, buffers)) > AHEAD
        ):
            self._queue.add(buffers)
            self.fill_core()
        else:
            self._write_directly(buffers, now)

    def _write_directly(self, buffers: Sequence[Buffer], now: float) -> None:
        metered: Any = self._quic._core
        core, send = metered.core, self.access.send
        # A first datagram of its own size would need a system call of its own: see `segments.py`.
        if len(buffers) == 1 and (
            first := self._first_segment.part(core, buffers[0], self.datagram_size, now)
        ):
            whole = memoryview(buffers[0])
            send(STREAM, whole[:first])
            self.poll(core, now, self._made)
            buffers = (whole[first:],)
        for buffer in buffers:
            send(STREAM, buffer)

    def fill_core(self) -> int:
        """Give the core more to send if it has little; return how many bytes it has then."""
        core: Any = self._quic._core
        access, queue = self.access, self._queue
        unsent = access.unsent(STREAM)
        # Data in flight counts, too: the core keeps it until it is acknowledged.
        for piece in queue.take(queue.room(unsent, int(core.bytes_in_flight))):
            access.send(STREAM, piece)
            unsent += len(piece)
        return unsent

    def datagrams(self, core: Any, now: float) -> list[bytes]:
        """Return all datagrams that may be sent now; `core` is the bare one."""
        # Those that were made with a message are the first.
        datagrams, self._made = self._made, []
        has_first = bool(datagrams)
        if not (self._queue.size and self._poll_and_fill(core, now, datagrams)):
            self.poll(core, now, datagrams)
        # It learns from batches whose first datagram was made with less data.
        if has_first:
            self._first_segment.learn(datagrams)
        return datagrams

    def _poll_and_fill(self, core: Any, now: float, datagrams: list[bytes]) -> bool:
        """Have datagrams made of what the core has, as long as it fills them.

        Return whether the core has made all that it may now. A short datagram costs as much as a
        full one, so none is made while more data waits.
        """
        made = False
        while self.is_open:
            count = self.fill_core() // self.datagram_size
            # The last data may leave a short datagram: `poll` makes it with all that is left.
            if not self._queue.size:
                return False
            if not count:
                return made
            before = len(datagrams)
            self.poll(core, now, datagrams, count)
            made = True
            # Congestion control, pacing or the peer's window allows no more now.
            if len(datagrams) - before < count:
                return True
        return False

    def poll(self, core: Any, now: float, datagrams: list[bytes], count: int | None = None) -> None:
        """Append the datagrams that may be sent now, or only `count` of them."""
        before = len(datagrams)
        # In C as far as possible: this loop runs once for each datagram.
        transmits = iter(partial(core.poll_transmit, now), None)
        try:
            datagrams.extend(map(_PAYLOAD, islice(transmits, count)))
        except RuntimeError as error:
            self._on_failure(error)
        # The library would log them in its own method, which is not called here.
        if self._quic._quic_logger is not None:
            for datagram in datagrams[before:]:
                self._quic._log_datagram("datagrams_sent", datagram)
                self._quic._log_packets("packet_sent", datagram)

    def free(self) -> None:
        """Free everything, including the reference to the core."""
        self.access = LibraryAccess(self._quic)
        self._queue.free()
        self._made.clear()
