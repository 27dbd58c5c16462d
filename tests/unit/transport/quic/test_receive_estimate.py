"""How much memory a library is assumed to need for what was received."""

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
