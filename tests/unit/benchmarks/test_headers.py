import pytest

from benchmarks import headers
from benchmarks.arms import ALL
from benchmarks.headers import Headers, message_headers
from smbquic.client import file


@pytest.mark.parametrize(
    ("headers", "size", "carried"),
    [
        # 20 of IP, 20 of TCP, 12 of its time stamps.
        (Headers.tcp(), 1500, 1448),
        # 28 of IP and UDP; flags 1, connection id 8, packet number 2 or 4, tag 16, STREAM 8.
        (Headers.quic(1200, "aioquic"), 1228, 1165),
        (Headers.quic(1200, "qh3"), 1228, 1163),
        (Headers.quic(1472, "qh3"), 1500, 1435),
        # 28 of IP and UDP, 32 of WireGuard; inside 52 of IP and TCP.
        (Headers.tunnelled(1420, 60), 1480, 1368),
    ],
)
def test_full_packets(headers: Headers, size: int, carried: int) -> None:
    assert (headers.size, headers.carried) == (size, carried)
    assert headers.share() == carried / size
    # The formula starts with the packet, and its parts lead to what is carried.
    first, *parts = headers.formula.split(" - ")
    assert int(first) - sum(int(part.split()[-1]) for part in parts) == carried


@pytest.mark.parametrize(
    ("work", "encrypted", "bytes_"),
    [
        ("bulk-read", False, 4 + 64 + 16),
        ("bulk-write", False, 4 + 64 + 48),
        ("bulk-read", True, 4 + 52 + 64 + 16),
    ],
)
def test_what_is_in_front_of_a_chunk(work: str, encrypted: bool, bytes_: int) -> None:
    assert message_headers(work, encrypted=encrypted) == bytes_


# By hand: share of the packet times 1 MiB / (1 MiB + headers of the message).
@pytest.mark.parametrize(
    ("arm", "work", "share"),
    [
        ("tcp", "bulk-read", 0.965256),
        ("tcp-encrypted", "bulk-write", 0.965179),
        ("quic-aioquic", "bulk-read", 0.957923),
        ("quic-qh3", "bulk-read", 0.956590),
        ("wireguard", "bulk-read", 0.924250),
        ("openvpn", "bulk-read", 0.930592),
        ("ipsec", "bulk-read", 0.920691),
        ("vpn-model", "bulk-read", 0.923926),
        ("raw-tcp", "bulk-read", 0.965333),
        ("raw-quic", "bulk-write", 0.947068),
    ],
)
def test_what_is_left_for_files(arm: str, work: str, share: float) -> None:
    assert ALL[arm].header_share(work) == pytest.approx(share, abs=2e-6)


def test_every_arm_says_what_its_packets_are_made_of() -> None:
    for arm in ALL.values():
        assert 0.9 < arm.header_share("bulk-read") < 0.97
        assert arm.headers.size <= 1500


def test_a_chunk_is_what_our_client_moves_at_a_time() -> None:
    assert headers.CHUNK == file.CHUNK
