"""Datagrams that are numbered and timed, through an emulated link."""

import itertools
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from benchmarks.link import Link, Namespace, Statistics

MS = 10**6
# Of Linux, and not in Python's socket module.
SO_RCVBUFFORCE, SO_TIMESTAMPNS, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 33, 35, 10, 2, 14
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24
OTHER_PORT = 9999
NUMBERED = struct.Struct("!Qq")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram: its number, and when it was sent and arrived, in nanoseconds."""

    number: int
    sent: int
    arrived: int

    @property
    def delay(self) -> int:
        return self.arrived - self.sent


class Flow:
    """Numbered datagrams from one end to the other; nothing is lost but on the link."""

    def __init__(
        self, sender: Namespace, receiver: Namespace, port: int = OTHER_PORT, *, six: bool = False
    ) -> None:
        family = socket.AF_INET6 if six else socket.AF_INET
        self.headers = 48 if six else 28
        self.numbers = itertools.count()
        self.receiver = receiver.socket(family, socket.SOCK_DGRAM)
        self.found: list[Arrival] = []
        try:
            self.receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        except PermissionError:
            self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        if self.receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 1 << 23:
            self.receiver.close()
            pytest.skip("without root, net.core.rmem_max is too small for a counting receiver")
        self.receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.receiver.setblocking(False)
        self.receiver.bind((receiver.address6 if six else receiver.address, port))
        self.sender = sender.socket(family, socket.SOCK_DGRAM)
        self.sender.connect((receiver.address6 if six else receiver.address, port))

    def close(self) -> None:
        self.sender.close()
        self.receiver.close()

    def send(self, count: int, size: int = 1500, *, gap: float = 0.0) -> None:
        """Send so many IP packets of this size."""
        filler = bytes(size - self.headers - NUMBERED.size)
        for number in itertools.islice(self.numbers, count):
            self.sender.send(NUMBERED.pack(number, time.time_ns()) + filler)
            if gap:
                time.sleep(gap)

    def fetch(self) -> None:
        """Make room in the receiver's buffer."""
        with suppress(BlockingIOError):
            while True:
                data, control, _, _ = self.receiver.recvmsg(2048, 128)
                [(_, _, stamp)] = control
                seconds, nanoseconds = struct.unpack("qq", stamp)
                number, sent = NUMBERED.unpack_from(data)
                self.found.append(Arrival(number, sent, seconds * 10**9 + nanoseconds))

    def arrivals(self) -> list[Arrival]:
        """Return the packets that arrived since the last call, in the order of arrival."""
        self.fetch()
        found, self.found = self.found, []
        return found


def counters(link: Link, condition: Callable[[Statistics], bool]) -> Statistics:
    """The counters, once they are so."""
    deadline = time.monotonic() + 60
    while not condition(found := link.statistics()):
        assert time.monotonic() < deadline, found
        time.sleep(0.002)
    return found


def settled(link: Link, offered: int) -> Statistics:
    """The counters, once so many packets have been offered, both ways, and none is under way."""

    def count(found: Statistics) -> int:
        return found.up.total.offered.packets + found.down.total.offered.packets

    found = counters(link, lambda now: count(now) >= offered and not now.in_flight.packets)
    assert count(found) == offered
    return found
