"""How large the datagrams may be that a path carries ([RFC8899], [RFC9000] 14.3).

A search for an engine that has none of its own: sizes are tried by padded probes, from the
largest down, and the first that is acknowledged is used. No I/O and no clock in here.
"""

from collections.abc import Callable
from typing import NamedTuple

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.udp import ETHERNET_MTU

MAX_PROBES = 3
"""After so many losses a size counts as too large; a single one may be due to congestion."""
RAISE_INTERVAL = 600.0
"""Seconds until larger datagrams are tried again: the path may have become a better one."""
MTUS = (9000, 8000, 4000, 2000, 1500, 1492, 1460, 1420, 1400, 1360, 1320, 1280)
"""Of jumbo frames, Ethernet, and Ethernet with the headers of one tunnel or another."""

OnSizeChanged = Callable[[int, int], object]
"""Called at the end of a search with the size that was used before it, and the one from now on."""


class Probe(NamedTuple):
    """One padded datagram: its bytes of UDP payload, and when it was sent."""

    size: int
    sent: float


class PathMtuSearch:
    """The search on one path; `size` is what it carries for all we know, in bytes."""

    def __init__(self, sizes: DatagramSizes, on_size_changed: OnSizeChanged) -> None:
        headers = ETHERNET_MTU - sizes.ethernet
        known = (mtu - headers for mtu in MTUS)
        self.size = self._settled = sizes.start
        self._candidates = [
            sizes.most,
            *(size for size in known if INTERNET_DATAGRAM < size < sizes.most),
        ]
        self._on_settled = on_size_changed
        self._untried: list[int] = []
        self._losses = 0
        self._under_way: Probe | None = None
        self._search_at = float("inf")
        self._begin()

    def _begin(self) -> None:
        self._untried = [size for size in self._candidates if size > self.size]
        self._losses = 0
        self._under_way = None

    def cap(self, most: int) -> None:
        """Stay within what the peer accepts."""
        if most < self._candidates[0]:
            self._candidates = [most, *(size for size in self._candidates if size < most)]
            self.size = self._settled = min(self.size, most)
            self._begin()

    def probe(self, now: float) -> Probe | None:
        """The probe to send now, if there is one; it counts as sent."""
        if now >= self._search_at:
            self._search_at = now + RAISE_INTERVAL
            self._begin()
        if self._under_way is not None or not self._untried:
            return None
        self._under_way = Probe(self._untried[0], now)
        return self._under_way

    def acknowledged(self, probe: Probe) -> None:
        """A probe has arrived: datagrams of its size do."""
        if probe == self._under_way:
            self.size = probe.size
            self._untried.clear()
            self._settle(probe)

    def lost(self, probe: Probe) -> None:
        """A probe has not arrived, which says nothing yet."""
        if probe != self._under_way:
            return
        self._under_way = None
        self._losses += 1
        if self._losses == MAX_PROBES:
            self._losses = 0
            del self._untried[0]
            if not self._untried:
                self._settle(probe)

    def _settle(self, probe: Probe) -> None:
        self._under_way = None
        self._losses = 0
        self._search_at = probe.sent + RAISE_INTERVAL
        before, self._settled = self._settled, self.size
        if before != self.size:
            self._on_settled(before, self.size)

    def restart(self) -> None:
        """Datagrams of this size seem to vanish, or the path is another one: start from below."""
        self.size = min(self.size, INTERNET_DATAGRAM)
        self._begin()
