"""The UDP socket under QUIC: many datagrams per system call, both ways.

On Linux the kernel delivers and takes whole segment batches (UDP_GRO, UDP_SEGMENT), from which most
of the speed comes. Elsewhere, and if the kernel or the network card refuses, each datagram takes a
system call.
"""

import asyncio
import errno
import logging
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from time import monotonic
from typing import NamedTuple, Protocol

from smbquic.transport.addresses import Address, SocketAddress, is_wildcard
from smbquic.transport.quic.interfaces import largest_payload, payload_to_peer
from smbquic.transport.quic.packet_info import report_own_address, source_control, source_in
from smbquic.transport.socket_options import LINUX, request_buffer, try_option
from smbquic.wire.cursor import Buffer

SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
IP_TOS, IP_RECVTOS, IPV6_RECVTCLASS, IPV6_TCLASS = 1, 13, 66, 67
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE = 23, 3

SOCKET_BUFFER = 4 << 20
SEGMENTATION_REFUSED = (errno.EIO, errno.EINVAL, errno.EMSGSIZE)
LARGEST_READ = 65535
READS_PER_WAKE_UP = 16
"""System calls until other callbacks of the event loop run."""
ANCILLARY_SIZE = 128
ECN_MASK = 0b11
"""The bits of the traffic class that are for ECN ([RFC3168] 5)."""
MAX_SEGMENTS = 60
MAX_SEGMENTED = 64000
"""Segments, and bytes, of one system call: a little less than the kernel's limits of 64 and 65,507.
"""

Path = tuple[SocketAddress, bytes]
"""The peer's address, and this end's: a control message for the kernel, empty if the socket has one
address only."""

_SEGMENT_SIZE = struct.Struct("=H")
_GRO_SIZE = struct.Struct("=i")

logger = logging.getLogger(__name__)


class SegmentBatch(NamedTuple):
    """Datagrams that are contiguous: each has `size` bytes, and only the last may be shorter.

    They are sent with the codepoint `ecn` in their IP headers ([RFC3168] 5, 0 to 3).
    """

    data: Buffer
    size: int
    ecn: int = 0


Batch = tuple[Sequence[bytes | SegmentBatch], Path]
"""Datagrams for one path, in order."""


def single_datagrams(datagrams: Iterable[bytes | SegmentBatch]) -> Iterator[bytes]:
    """Yield the datagrams of a batch one by one."""
    for each in datagrams:
        if isinstance(each, SegmentBatch):
            for start in range(0, len(each.data), each.size):
                yield bytes(each.data[start : start + each.size])
        else:
            yield each


class UdpReceiver(Protocol):
    """A receiver of the datagrams of a socket.

    `ecn` is the codepoint in their IP headers ([RFC3168] 5), 0 where the system does not report it.
    """

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """Process one datagram, whatever bytes it has."""

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """Process datagrams of `size` bytes, of which the last may be shorter."""

    def batch_received(self, now: float) -> None:
        """Answer, as there are no more datagrams for now."""

    def error_received(self, error: OSError) -> None:
        """Act on an error that the network reports, such as a refused port."""


class Owner(Protocol):
    """Acts on what a connection was given."""

    def batch_received(self, now: float) -> None:
        """Act on it, as there is no more for now."""


class DirectReceiver(UdpReceiver, Protocol):
    """A receiver for a `SocketReader`, which gives the datagrams of some connections to them."""

    def destination(self, connection_id: bytes) -> Owner | None:
        """Return who acts on what the connection with this ID was given."""

    def data_received(self, connection_id: bytes) -> None:
        """Act on what the connection with this ID was given."""


class SocketReader(Protocol):
    """Reads the datagrams of a socket in place of its endpoint; calls a receiver in the event loop.

    It may do so on threads of its own.
    """

    def start(self, sock: socket.socket) -> None:
        """Begin. Raises `OSError` if it cannot."""

    def close(self) -> None:
        """Read this socket no more; threads end once they have done what they were told to do."""


def _most_segments(size: int) -> int:
    """Return how many segments of `size` bytes one system call takes."""
    return max(1, min(MAX_SEGMENTS, MAX_SEGMENTED // size)) if size else MAX_SEGMENTS


class UdpEndpoint:
    """A non-blocking UDP socket on the event loop.

    `local` is an address to bind a socket to, or a socket that `bind` has bound, which belongs to
    this object then. With `remote` the socket is connected: it receives from that address only, and
    a refused port is reported. Raises `OSError` if the address cannot be used.
    """

    def __init__(
        self,
        receiver: UdpReceiver,
        *,
        local: Address | socket.socket | None = None,
        remote: Address | None = None,
    ) -> None:
        self._receiver = receiver
        self._reader: SocketReader | None = None
        self._loop = asyncio.get_running_loop()
        self._remote = remote
        self.blocked = False
        """Whether the kernel takes nothing more for now."""
        self._waiting: list[Batch] = []
        self._on_writable: dict[Callable[[], None], None] = {}
        self._segmentation = LINUX
        self._marking = LINUX
        # The codepoint of ECN that datagrams are sent with.
        self._marked = 0
        self._closed = False
        self._listen_to(local if isinstance(local, socket.socket) else _open(local, remote))

    @property
    def local(self) -> SocketAddress:
        """The socket's own address."""
        address: SocketAddress = self._socket.getsockname()
        return address

    def largest_payload(self, remote: SocketAddress) -> int:
        """Return the bytes of UDP payload that the interface to the `remote` address carries.

        That is the one that the socket is connected to.
        """
        return payload_to_peer(self._socket, remote)

    def read_by(self, reader: SocketReader) -> None:
        """Have a reader read the socket from now on. Raises `OSError` if it cannot."""
        descriptor = self._socket.fileno()
        self._loop.remove_reader(descriptor)
        try:
            reader.start(self._socket)
        except OSError:
            self._loop.add_reader(descriptor, self._readable)
            raise
        self._reader = reader

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the kernel takes datagrams again."""
        self._on_writable[callback] = None

    def rebind(self) -> None:
        """Continue from another port, and from another address if the machine has a new one.

        Raises `OSError`, and keeps the socket then.
        """
        fresh = _open(None, self._remote)
        self._forget_socket()
        self._listen_to(fresh)
        if self.blocked:
            # What the former socket did not take has to wait for this one.
            self._loop.add_writer(fresh.fileno(), self._writable)

    def close(self) -> None:
        """Close the socket; what is still to be sent is lost."""
        if not self._closed:
            self._closed = True
            self._waiting.clear()
            self._on_writable.clear()
            self.blocked = False
            self._forget_socket()

    def send(self, datagrams: Sequence[bytes | SegmentBatch], path: Path) -> None:
        """Send datagrams in order; what the kernel does not take now is sent later."""
        if self._closed:
            return
        if self.blocked:
            self._waiting.append((datagrams, path))
            return
        start = 0
        while start < len(datagrams):
            first = datagrams[start]
            rest: Sequence[bytes | SegmentBatch]
            if isinstance(first, SegmentBatch):
                rest, end = self._send_segments(first, path), start + 1
            else:
                rest, end = self._send_several(datagrams, start, path)
            if rest:
                self.blocked = True
                self._waiting.append(([*rest, *datagrams[end:]], path))
                self._loop.add_writer(self._socket.fileno(), self._writable)
                return
            start = end

    def _send_segments(self, segments: SegmentBatch, path: Path) -> list[SegmentBatch]:
        """Send a contiguous batch; return the rest, which the kernel does not take now."""
        data, size, ecn = segments
        while data:
            several = len(data) > size and self._segmentation
            most = size * _most_segments(size) if several else size
            # Slices of a memoryview copy nothing.
            part = data if len(data) <= most else memoryview(data)[:most]
            sent = len(part)
            try:
                self._send_at_once([part], size if sent > size else 0, path, ecn)
            except BlockingIOError:
                return [SegmentBatch(data, size, ecn)]
            except OSError as error:
                sizes = [size] * (sent // size)
                if sent % size:
                    sizes.append(sent % size)
                sent = size * self._lost(error, sizes, path)
            data = memoryview(data)[sent:] if sent < len(data) else b""
        return []

    def _send_several(
        self, datagrams: Sequence[bytes | SegmentBatch], start: int, path: Path
    ) -> tuple[list[bytes], int]:
        """Send datagrams from `start` on that are not contiguous, with one system call.

        Return those that the kernel does not take now, and where the others begin.
        """
        batch = self._batch(datagrams, start)
        end = start + len(batch)
        try:
            self._send_at_once(batch, len(batch[0]) if len(batch) > 1 else 0, path)
        except BlockingIOError:
            return batch, end
        except OSError as error:
            end = start + self._lost(error, list(map(len, batch)), path)
        return [], end

    def _batch(self, datagrams: Sequence[bytes | SegmentBatch], start: int) -> list[bytes]:
        """Return the segment batch that begins at `start`, for one system call.

        All have the size of the first; the last one may be shorter.
        """
        first = datagrams[start]
        assert isinstance(first, bytes)
        batch, size = [first], len(first)
        if self._segmentation:
            for datagram in islice(datagrams, start + 1, start + _most_segments(size)):
                # Most have the same size, and are only asked for that.
                if len(datagram) != size or not isinstance(datagram, bytes):
                    if isinstance(datagram, bytes) and len(datagram) < size:
                        batch.append(datagram)
                    break
                batch.append(datagram)
        return batch

    def _lost(self, error: OSError, sizes: list[int], path: Path) -> int:
        """Act on an error of a system call for datagrams of these sizes.

        Return how many of them are lost; the others are to be sent again.
        """
        count = len(sizes)
        if count > 1 and error.errno in SEGMENTATION_REFUSED:
            # Either the kernel cannot segment on this interface, or the segments are too large for
            # it: both have the same errors.
            carried = largest_payload(path[0])
            if sizes[0] <= carried:
                logger.info("the kernel refuses UDP_SEGMENT: %s", error)
                self._segmentation = False
                return 0
            error = OSError(errno.EMSGSIZE, "larger than the interface carries")
            if sizes[-1] <= carried:
                # The last of a batch may be short enough.
                count -= 1
        self._receiver.error_received(error)
        return count

    def _send_at_once(
        self, buffers: Sequence[Buffer], segment: int, path: Path, ecn: int = 0
    ) -> None:
        """Send buffers with one system call, as segments of a size, or one datagram if it is 0."""
        address, source = path
        if ecn != self._marked and self._marking:
            self._mark(ecn)
        control: list[tuple[int, int, bytes]] = []
        if segment:
            control.append((SOL_UDP, UDP_SEGMENT, _SEGMENT_SIZE.pack(segment)))
        if source:
            control.append(source_control(source))
        if self._remote is None:
            self._socket.sendmsg(buffers, control, 0, address)
        else:
            self._socket.sendmsg(buffers, control)

    def _mark(self, ecn: int) -> None:
        """Have the kernel send datagrams with a codepoint of ECN from now on.

        It rarely changes, and a control message for each datagram costs more.
        """
        try:
            self._socket.setsockopt(*self._traffic_class, ecn)
        except OSError as error:
            logger.info("the kernel refuses to mark datagrams for ECN: %s", error)
            self._marking = False
        self._marked = ecn

    def _writable(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        waiting, self._waiting = self._waiting, []
        self.blocked = False
        for datagrams, path in waiting:
            self.send(datagrams, path)
        if not self.blocked:
            callbacks, self._on_writable = self._on_writable, {}
            for callback in callbacks:
                callback()

    def _readable(self) -> None:
        now = monotonic()
        receiver = self._receiver
        for _ in range(READS_PER_WAKE_UP):
            try:
                data, ancillary, _, address = self._socket.recvmsg(LARGEST_READ, ANCILLARY_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                receiver.error_received(error)
                break
            size, source, ecn = len(data), b"", 0
            for level, kind, value in ancillary:
                if level == SOL_UDP and kind == UDP_GRO:
                    (size,) = _GRO_SIZE.unpack_from(value)
                elif kind == self._traffic_class[1] and level == self._traffic_class[0]:
                    # IPv4 reports one byte, IPv6 an integer of the machine. The kernel makes no
                    # segment batch of datagrams that differ in it.
                    ecn = int.from_bytes(value, sys.byteorder) & ECN_MASK
                else:
                    source = source_in(level, kind, value)
            path = (self._remote.socket_address if self._remote else address, source)
            if size >= len(data):
                receiver.datagram_received(data, path, now, ecn)
            else:
                receiver.segments_received(data, size, path, now, ecn)
            if self._closed:
                return
            # Asking whether more waits is cheaper than a failed attempt, and its exception.
            if not self._incoming.poll(0):
                break
        receiver.batch_received(now)

    def _listen_to(self, sock: socket.socket) -> None:
        self._socket = sock
        self._marked = 0
        ipv6 = sock.family == socket.AF_INET6
        self._traffic_class = (
            (socket.IPPROTO_IPV6, IPV6_TCLASS) if ipv6 else (socket.IPPROTO_IP, IP_TOS)
        )
        if self._reader is not None:
            try:
                self._reader.start(sock)
            except OSError as error:
                logger.info("the socket is read by the event loop: %s", error)
                self._reader = None
            else:
                return
        self._incoming = select.poll()
        self._incoming.register(sock, select.POLLIN)
        self._loop.add_reader(sock.fileno(), self._readable)

    def _forget_socket(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()


def bind(address: Address, *, shared: bool = False) -> socket.socket:
    """Return a socket on an address, configured as an endpoint needs it; port 0 picks one.

    A `shared` one may have that of other sockets of the same user with SO_REUSEPORT. Raises
    `OSError` if the address cannot be used.
    """
    return _open(address, None, shared=shared)


def adopt(sock: socket.socket) -> None:
    """Configure a bound socket that another program has opened, as an endpoint needs it."""
    sock.setblocking(False)
    _configure(sock, sock.family)
    _check_buffers(sock, logging.WARNING)
    if is_wildcard(sock.getsockname()):
        report_own_address(sock, sock.family)


def _open(local: Address | None, remote: Address | None, *, shared: bool = False) -> socket.socket:
    family = (local or remote or Address(socket.AF_INET, ("", 0))).family
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        # A dual-stack socket would report IPv4 addresses in another form.
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _configure(sock, family)
        _check_buffers(sock, logging.INFO if local is None else logging.WARNING)
        if local is not None:
            if is_wildcard(local.socket_address):
                report_own_address(sock, family)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(local.socket_address)
        if remote is not None:
            sock.connect(remote.socket_address)
    except OSError:
        sock.close()
        raise
    return sock


def _configure(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Ask for large buffers, segment batches, and codepoints of ECN; and for no fragments.

    [RFC9000] 14, 13.4.
    """
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        request_buffer(sock, option, SOCKET_BUFFER)
    if LINUX:
        try_option(sock, SOL_UDP, UDP_GRO, 1)
        # Probes of the path MTU may be larger than what ICMP messages have reported.
        if family == socket.AF_INET6:
            try_option(sock, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
            try_option(sock, socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
        else:
            try_option(sock, socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            try_option(sock, socket.IPPROTO_IP, IP_RECVTOS, 1)


def _check_buffers(sock: socket.socket, level: int) -> None:
    """Log how to get larger buffers if the system limits them."""
    for option, direction, limit in (
        (socket.SO_RCVBUF, "receive", "net.core.rmem_max"),
        (socket.SO_SNDBUF, "send", "net.core.wmem_max"),
    ):
        # Linux reports twice the size, with what it needs itself (socket(7)).
        size = sock.getsockopt(socket.SOL_SOCKET, option) // (2 if LINUX else 1)
        if size < SOCKET_BUFFER:
            _advise(level, direction, size, limit if LINUX else "kern.ipc.maxsockbuf")


@cache
def _advise(level: int, direction: str, size: int, limit: str) -> None:
    """Log it once: the next socket has the same limit."""
    logger.log(
        level,
        "the system limits the buffer to %s datagrams to %d KiB, which can cost speed: allow %d KiB"
        " with sysctl -w %s=%d",
        direction,
        size >> 10,
        SOCKET_BUFFER >> 10,
        limit,
        SOCKET_BUFFER,
    )
