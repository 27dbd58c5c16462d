"""What the limits come to."""

from smbquic.server.limits import DEFAULT_LIMITS, Limits


def test_the_defaults_suit_a_gibibyte_with_both_transports() -> None:
    assert DEFAULT_LIMITS.memory(listeners=2) <= 1 << 30


def test_fewer_connections_and_smaller_buffers_need_less() -> None:
    small = Limits(connections=100, buffers=16 << 20).memory(listeners=1)
    assert small < 160 << 20 < DEFAULT_LIMITS.memory(listeners=1)


def test_answers_and_requests_wait_in_a_quarter_of_a_gibibyte() -> None:
    assert Limits().buffers == 268_435_456
