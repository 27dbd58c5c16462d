"""How much memory a library is assumed to need for what was received."""

import pytest

from smbquic.transport.quic.receive_estimate import ReceiveEstimate

# The numbers themselves, so that a change of one of them is noticed.
HEADERS = 64
LARGEST = 1500
FRAGMENTS = 16


def test_what_was_received_and_not_read_is_held() -> None:
    estimate = ReceiveEstimate(restricted=False)
    assert estimate.held == 0
    estimate.arrived(10_000, 2)
    assert estimate.held == 10_000 - 2 * HEADERS
    estimate.arrived(1000, 1)
    assert estimate.held == 11_000 - 3 * HEADERS
    # A sixteenth more counts as read.
    estimate.read(1600)
    assert estimate.held == 11_000 - 3 * HEADERS - 1700


def test_nothing_is_owed_for_datagrams_without_data() -> None:
    estimate = ReceiveEstimate(restricted=False)
    estimate.arrived(40, 1)
    assert estimate.held == 0
    estimate.arrived(1000, 1)
    estimate.read(1000)
    assert estimate.held == 0


def test_of_a_restricted_peer_the_worst_is_assumed() -> None:
    estimate = ReceiveEstimate(restricted=True)
    estimate.arrived(16_000, 2)
    assert estimate.held == FRAGMENTS * 2 * (LARGEST - HEADERS)
    estimate.restricted = False
    assert estimate.held == 2 * (LARGEST - HEADERS)
    estimate.arrived(16_000, 2)
    assert estimate.held == 2 * (LARGEST - HEADERS) + 16_000 - 2 * HEADERS


@pytest.mark.parametrize("restricted", [False, True])
def test_an_exchange_counts_as_its_parts_do(restricted: bool) -> None:
    """Of all kinds: read at once, kept back for a while, without data."""
    both, parts = (ReceiveEstimate(restricted=restricted) for _ in range(2))
    held = []
    for size, datagrams, read in (
        (4300, 3, 4200),
        (40, 1, 0),
        (64_000, 44, 0),
        (1400, 1, 60_000),
        (106, 1, 70),
        (9000, 1, 100),
        (40, 1, 8900),
    ):
        both.exchanged(size, datagrams, read)
        parts.arrived(size, datagrams)
        parts.read(read)
        assert both.held == parts.held
        held.append(both.held)
    assert held[0] == held[-1] == 0 < min(held[2], held[5])
