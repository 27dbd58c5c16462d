"""What can be tuned, and how far."""

import pytest

from smbquic.transport.quic.options import QuicOptions


@pytest.mark.parametrize("size", [0, 1199, 16001, 65535])
def test_datagrams_that_would_not_do(size: int) -> None:
    with pytest.raises(ValueError, match="1200 to 16000"):
        QuicOptions(datagram_size=size)


def test_a_window_too_small_to_move() -> None:
    with pytest.raises(ValueError, match="64 KiB"):
        QuicOptions(window=1000)


def test_datagrams_are_larger_on_this_machine_unless_the_size_is_given() -> None:
    assert QuicOptions().datagram_size_to(loopback=False) == 1200
    assert QuicOptions().datagram_size_to(loopback=True) > 1500
    assert QuicOptions(datagram_size=1452).datagram_size_to(loopback=True) == 1452
    assert QuicOptions(datagram_size=1452).datagram_size_to(loopback=False) == 1452
