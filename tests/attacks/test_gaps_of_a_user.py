"""A user who has logged on sends every other byte, and has the server keep each by itself.

An engine's library may keep any number of such fragments, each of which takes far more than a byte,
and go through all of them again and again (RUSTSEC-2026-0185).
"""

import time

import pytest
from aioquic.tls import Epoch

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import Acceptance, DatagramSizes, Engine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from smbquic.transport.quic.udp import single_datagrams
from tests.attacks.quic_packets import RawClient, packed, stream_frame
from tests.unit.transport.quic.harness import NoIds

pytestmark = pytest.mark.engine("native")

PATH = (("192.0.2.1", 50000), b"")
MOST_GAPS = 1024
"""`MOST` in native/src/gaps.rs."""
SIZE = 6 * MOST_GAPS


class User:
    """A client that has completed the handshake with an engine, and sends what it wants then."""

    def __init__(self, pki: PkiDirectory) -> None:
        self._client = RawClient(443)
        _, make = server_engine(
            ServerTls(pki.server.certificate, pki.server.key), QuicOptions(engine="native")
        )
        self.server: Engine = make(
            DatagramSizes(1200, 1200),
            NoIds(),
            Acceptance(original_id=bytes(8), first_datagram=1200, restricted=False),
        )
        while not self._client.completed:
            self._exchange()

    def send(self, frames: list[bytes]) -> None:
        for payload in packed(frames):
            self.server.receive(self._client.packet(Epoch.ONE_RTT, payload), PATH, time.monotonic())

    def received(self) -> int:
        """Return how many bytes have arrived in order since the last time."""
        return sum(map(len, self.server.read()))

    def _exchange(self) -> None:
        for datagram in self._client.due():
            self.server.receive(datagram, PATH, time.monotonic())
        for segments, _ in self.server.datagrams(time.monotonic()):
            for datagram in single_datagrams(segments):
                self._client.receive(datagram)


def test_what_makes_too_many_gaps_counts_as_lost(pki: PkiDirectory) -> None:
    user = User(pki)
    odd = [stream_frame(offset, b"x") for offset in range(1, SIZE, 2)]
    even = [stream_frame(offset, b"x") for offset in range(0, SIZE, 2)]

    user.send([*odd, *even])
    arrived = user.received()
    assert MOST_GAPS < arrived <= 2 * (MOST_GAPS + 1)

    # What was lost is sent again.
    while arrived < SIZE:
        user.send([*odd, *even])
        more = user.received()
        assert more > MOST_GAPS or arrived + more == SIZE
        arrived += more
    assert user.server.close_reason is None
