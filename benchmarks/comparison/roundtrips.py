"""Round trips as seen on the wire: packets captured at the client, and how often it had to wait."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.comparison.clock import ClockError, WallClock
from benchmarks.link import Namespace
from benchmarks.link.namespaces import DEVICE

_ETH_P_ALL = 3
_OUTGOING = 4
_PACKET_TYPE = 2
# Of SO_RCVTIMEO: how soon the capture notices that it is to end.
_PATIENCE = struct.pack("ll", 0, 50_000)
# Of Linux, and not in Python's socket module.
_SO_TIMESTAMPNS = 35
# The link makes packets late, and never early; time stamps are the kernel's.
_SHARE_OF_ROUND_TRIP = 0.98


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet on the client's device: seconds of the monotonic clock, and whether it left."""

    at: float
    sent: bool
    size: int


def count(packets: Sequence[Packet], round_trip: float, until: float) -> int:
    """How many round trips passed, one after the other, until then.

    One begins with the first packet that the client sends after the last one ended, and ends with
    the first packet from the server that may be its answer: no answer comes before a round trip
    (`round_trip`, in seconds, as the link is set) is over.
    """
    found, begun = 0, None
    for packet in packets:
        # Clocks are read late. What answers a later packet comes a whole round trip later.
        if packet.at > until + round_trip / 2:
            break
        if packet.sent:
            if begun is None:
                begun = packet.at
        elif begun is not None and packet.at - begun >= _SHARE_OF_ROUND_TRIP * round_trip:
            found, begun = found + 1, None
    return found


@contextlib.contextmanager
def captured(namespace: Namespace) -> Iterator[list[Packet]]:
    """All packets on the link's device of a namespace, in order, while the block runs.

    Raises `ClockError` at its end if the clock that stamps them was set meanwhile.
    """
    packets: list[Packet] = []
    ended = threading.Event()
    clock, was_set = WallClock(), False
    with namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as watcher:
        watcher.bind((DEVICE, _ETH_P_ALL))
        watcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        watcher.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

        def watch() -> None:
            nonlocal was_set
            while not ended.is_set():
                try:
                    data, control, _, address = watcher.recvmsg(2048, 128)
                except BlockingIOError:
                    continue
                sent = address[_PACKET_TYPE] == _OUTGOING
                [(_, _, stamp)] = control
                seconds, nanoseconds = struct.unpack("qq", stamp)
                at = clock.monotonic(seconds * 10**9 + nanoseconds)
                packets.append(Packet(at, sent, len(data)))
                # For each of them: it may be set back again before the end.
                was_set = was_set or clock.was_set()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield packets
        finally:
            ended.set()
            thread.join()
    if was_set or clock.was_set():
        raise ClockError("the wall clock, which stamps packets, was set during the capture")
