"""What engines do with the queue of a bottleneck, in simulated time."""

import pytest

from smbquic.transport.quic.engine import DatagramSizes
from tests.unit.transport.quic.simulation import Bottleneck, Simulate

RATE = 12.5e6
"""Bytes/s: 100 Mbit/s."""
ROUND_TRIP = 0.05
SIZE = 8 << 20


# The libraries of the others have no such end of slow start.
@pytest.mark.parametrize("engines", ["native"])
def test_slow_start_ends_before_a_long_queue_is_full(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, sizes=DatagramSizes(1472, 1472))
    simulation.delay = ROUND_TRIP / 2
    simulation.establish()
    simulation.bottleneck = Bottleneck(RATE, queue=4 * RATE * ROUND_TRIP)
    started = simulation.now
    simulation.client.write(bytes(SIZE))
    simulation.run(lambda: simulation.has_received("server", SIZE))

    # A window that doubles until packets are lost loses 800 of them here.
    assert simulation.bottleneck.dropped == 0
    # Nor does it end too early: the link is full after the first six round trips.
    assert simulation.now - started < SIZE / RATE + 7 * ROUND_TRIP
