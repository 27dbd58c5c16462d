"""The life of a QUIC connection."""

from smbquic.transport.quic.state import OVER, TRANSITIONS, QuicState


def test_no_connection_comes_back_from_its_end() -> None:
    order = list(QuicState)
    for state, row in TRANSITIONS.items():
        for after in row.values():
            assert order.index(after) > order.index(state)
    assert order[-2:] == list(OVER)
