"""The options of QUIC, and their limits."""

import pytest

from smbquic.transport.quic import options
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions


@pytest.mark.parametrize("size", [0, 1199, 16001, 65535])
def test_datagrams_that_would_not_do(size: int) -> None:
    with pytest.raises(ValueError, match="1200 to 16000"):
        QuicOptions(datagram_size=size)


def test_a_window_too_small_to_move() -> None:
    with pytest.raises(ValueError, match="64 KiB"):
        QuicOptions(window=65_535)
    assert QuicOptions(window=65_536).window == 65_536


@pytest.mark.parametrize("address", [("127.0.0.1", 1), ("::1", 1, 0, 0)])
def test_datagrams_to_this_machine_are_large_at_once(address: tuple[object, ...]) -> None:
    sizes = QuicOptions().sizes_to(address)

    assert sizes.start == sizes.most == 16000


@pytest.mark.parametrize(
    ("address", "interface", "most", "ethernet", "private"),
    [
        (("192.0.2.1", 443), 1472, 1472, 1472, True),
        (("9.9.9.9", 443), 1472, 1472, 1472, False),
        (("10.0.0.1", 443), 8972, 8972, 1472, True),
        (("2620:fe::9", 443, 0, 0), 1452, 1452, 1452, False),
        (("10.0.0.1", 443), 548, 1200, 1472, True),
        (("10.0.0.1", 443), 65507, 16000, 1472, True),
    ],
)
def test_datagrams_elsewhere_start_small_and_may_grow(
    address: tuple[object, ...],
    interface: int,
    most: int,
    ethernet: int,
    private: bool,
) -> None:
    sizes = QuicOptions().sizes_to(address, lambda _: interface)
    assert sizes == DatagramSizes(1200, most, ethernet, private)


def test_a_size_that_is_given_counts_everywhere() -> None:
    for host in ("127.0.0.1", "192.0.2.1"):
        assert QuicOptions(datagram_size=1452).sizes_to((host, 1)) == DatagramSizes(
            1452, 1452, certain=host == "127.0.0.1"
        )


@pytest.mark.parametrize(
    ("number", "name"),
    [
        # [RFC8446] 4.2.7, and the registry of TLS for the post-quantum one.
        (0x0017, "P-256"),
        (0x0018, "P-384"),
        (0x001D, "X25519"),
        (0x11EC, "X25519MLKEM768"),
        (0x1234, ""),
        (0, ""),
        (None, ""),
    ],
)
def test_groups_have_names(number: int | None, name: str) -> None:
    assert options.group_name(number) == name
