"""Path MTU discovery for an engine that has none ([RFC8899], [RFC9000] 14.3).

Common sizes are tried with padded probes ([RFC8899] 5.3.2), from the largest down, and the first
that is acknowledged is used: where the path carries what the interface does, the first probe is the
last. No I/O and no clock in here.
"""

from collections.abc import Callable
from typing import NamedTuple

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.interfaces import ETHERNET_MTU
from smbquic.transport.quic.options import INTERNET_DATAGRAM

MAX_PROBES = 3
"""After so many losses a size counts as too large; a single one may be due to congestion
([RFC8899] 5.1.2)."""
RAISE_INTERVAL = 600.0
"""Seconds until larger datagrams are tried again, as the path may have changed ([RFC8899] 5.1.1,
PMTU_RAISE_TIMER)."""
MTUS = (9000, 8000, 4000, 2000, 1500, 1492, 1460, 1420, 1400, 1360, 1320, 1280)
"""The MTUs of jumbo frames, of Ethernet, and of Ethernet less the headers of various tunnels."""

OnSizeChanged = Callable[[int, int], object]
"""Called with the former size of the datagrams and the new one, when the size has changed."""


class Probe(NamedTuple):
    """One padded datagram: its bytes of UDP payload, and when it was sent."""

    size: int
    sent: float


class PathMtuSearch:
    """The search on one path; `size` is the largest that is known to arrive, in bytes."""

    def __init__(self, sizes: DatagramSizes, on_size_changed: OnSizeChanged) -> None:
        # Those of IP and UDP, which the MTUs include.
        headers = ETHERNET_MTU - sizes.ethernet
        known = (mtu - headers for mtu in MTUS)
        self.size = self._reported_size = sizes.start
        self._candidates = [
            sizes.most,
            *(size for size in known if INTERNET_DATAGRAM < size < sizes.most),
        ]
        self._on_settled = on_size_changed
        self._untried: list[int] = []
        self._losses = 0
        self._in_flight: Probe | None = None
        # When the next search begins; a time once one is complete.
        self._search_at = float("inf")
        self._begin()

    def _begin(self) -> None:
        self._untried = [size for size in self._candidates if size > self.size]
        self._losses = 0
        self._in_flight = None

    def cap(self, most: int) -> None:
        """Limit the size to what the peer accepts ([RFC9000] 18.2, max_udp_payload_size)."""
        if most < self._candidates[0]:
            self._candidates = [most, *(size for size in self._candidates if size < most)]
            self.size = self._reported_size = min(self.size, most)
            self._begin()

    def probe(self, now: float) -> Probe | None:
        """Return the probe to send now, if there is one; it counts as sent."""
        # A path that has become better shows it only if larger sizes are tried again.
        if now >= self._search_at:
            self._search_at = now + RAISE_INTERVAL
            self._begin()
        # One at a time: more would be a burst of the largest datagrams.
        if self._in_flight is not None or not self._untried:
            return None
        self._in_flight = Probe(self._untried[0], now)
        return self._in_flight

    def acknowledged(self, probe: Probe) -> None:
        """Use the size of a probe that has arrived."""
        if probe == self._in_flight:
            self.size = probe.size
            # All sizes that are left are smaller.
            self._untried.clear()
            self._complete(probe)

    def lost(self, probe: Probe) -> None:
        """Try the size again, or the next smaller one after `MAX_PROBES` losses."""
        # The search may have begun anew since it was sent.
        if probe != self._in_flight:
            return
        self._in_flight = None
        # Only a size that is lost several times in a row is given up.
        self._losses += 1
        if self._losses == MAX_PROBES:
            self._losses = 0
            del self._untried[0]
            if not self._untried:
                self._complete(probe)

    def _complete(self, probe: Probe) -> None:
        self._in_flight = None
        self._losses = 0
        self._search_at = probe.sent + RAISE_INTERVAL
        before, self._reported_size = self._reported_size, self.size
        if before != self.size:
            self._on_settled(before, self.size)

    def restart(self) -> None:
        """Begin anew from the smallest size, as the path may carry less ([RFC8899] 4.3)."""
        # Every path of QUIC carries 1,200 bytes ([RFC9000] 14), so nothing below has to be tried.
        self.size = min(self.size, INTERNET_DATAGRAM)
        self._begin()
