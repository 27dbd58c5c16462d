from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.ioctl_payloads import (
    InterfaceCapability,
    NetworkInterfaceInfo,
    NetworkResiliencyRequest,
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
    SrvSnapshotArray,
    decode_network_interfaces,
    encode_network_interfaces,
)
from tests.unit.wire.structures import Field, Structure

Lay = Callable[..., bytes]

KEY = bytes(range(24))
TOKENS = ["@GMT-2021.07.16-07.42.53", "@GMT-2020.01.01-00.00.00"]
INTERFACES = [
    NetworkInterfaceInfo(
        7, InterfaceCapability.RSS_CAPABLE, 10_000_000_000, IPv4Address("192.0.2.1")
    ),
    NetworkInterfaceInfo(8, 0, 1_000_000_000, IPv6Address("2001:db8::1")),
]

PAYLOADS: list[tuple[Structure, Sequence[Field]]] = [
    (
        SrvCopychunkCopy(KEY, [SrvCopychunk(1, 2, 3), SrvCopychunk(4, 5, 6)]),
        [KEY, (4, 2), (4, 0), *((8, 1), (8, 2), (4, 3), (4, 0), (8, 4), (8, 5), (4, 6), (4, 0))],
    ),
    (SrvCopychunkResponse(256, 1 << 20, 16 << 20), [(4, 256), (4, 1 << 20), (4, 16 << 20)]),
    (SrvRequestResumeKeyResponse(KEY), [KEY, (4, 0), bytes(4)]),
    (NetworkResiliencyRequest(30000), [(4, 30000), (4, 0)]),
    (
        SrvSnapshotArray(2, TOKENS, 102),
        [(4, 2), (4, 2), (4, 102), "\0".join(TOKENS), bytes(2), bytes(2)],
    ),
    (SrvSnapshotArray(2, [], 102), [(4, 2), (4, 0), (4, 102), bytes(4)]),
]
IDS = [type(payload).__name__ for payload, _ in PAYLOADS]


@pytest.mark.parametrize(("payload", "fields"), PAYLOADS, ids=IDS)
def test_layout(payload: Structure, fields: Sequence[Field], lay: Lay) -> None:
    wire = lay(*fields)
    assert payload.encode() == wire
    assert type(payload).decode(wire) == payload


@pytest.mark.parametrize("payload", [payload for payload, _ in PAYLOADS], ids=IDS)
@given(data=st.data())
def test_any_bytes(payload: Structure, data: st.DataObject, fuzz: Callable[..., None]) -> None:
    cls = type(payload)

    def encode(decoded: Structure) -> bytes:
        if isinstance(decoded, SrvSnapshotArray):
            # A peer may announce any size; ours is the real one.
            decoded = SrvSnapshotArray.of(decoded.snap_shots, 1 << 30)
            assert SrvSnapshotArray.decode(decoded.encode()) == decoded
            return payload.encode()
        return decoded.encode()

    if isinstance(payload, SrvSnapshotArray):
        try:
            encode(cls.decode(data.draw(st.binary(max_size=120))))
        except WireError:
            return
    else:
        fuzz(data, cls.decode, encode, payload.encode())


def test_more_chunks_than_bytes() -> None:
    wire = SrvCopychunkCopy(KEY, [SrvCopychunk(1, 2, 3)]).encode()
    with pytest.raises(WireError):
        SrvCopychunkCopy.decode(wire[:24] + b"\xff\xff\xff\xff" + wire[28:])


def test_snapshots_that_fit() -> None:
    assert SrvSnapshotArray.of(TOKENS, 12 + 102) == SrvSnapshotArray(2, TOKENS, 102)


def test_snapshots_that_do_not_fit() -> None:
    assert SrvSnapshotArray.of(TOKENS, 12 + 101) == SrvSnapshotArray(2, [], 102)


def test_no_snapshots(lay: Lay) -> None:
    assert SrvSnapshotArray.of([], 16).encode() == lay((4, 0), (4, 0), (4, 2), bytes(4))


def test_interfaces_layout(lay: Lay) -> None:
    wire = lay(
        *((4, 152), (4, 7), (4, 1), (4, 0), (8, 10_000_000_000)),
        *((2, 2), bytes(2), bytes([192, 0, 2, 1]), bytes(120)),
        *((4, 0), (4, 8), (4, 0), (4, 0), (8, 1_000_000_000)),
        *((2, 0x17), bytes(6), bytes.fromhex("20010db8"), bytes(11), b"\x01", bytes(104)),
    )
    assert encode_network_interfaces(INTERFACES) == wire
    assert decode_network_interfaces(wire) == INTERFACES


def test_other_families_are_left_out() -> None:
    wire = bytearray(encode_network_interfaces(INTERFACES))
    wire[24] = 1
    assert decode_network_interfaces(wire) == INTERFACES[1:]


def test_no_interfaces() -> None:
    assert encode_network_interfaces([]) == b""
    assert decode_network_interfaces(b"") == []


@pytest.mark.parametrize("following", [1, 8, 151])
def test_next_interface_too_near(following: int, lay: Lay) -> None:
    wire = encode_network_interfaces(INTERFACES)
    with pytest.raises(WireError, match="network interface"):
        decode_network_interfaces(lay((4, following)) + wire[4:])


@given(data=st.data())
def test_any_interfaces(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(
        data,
        decode_network_interfaces,
        encode_network_interfaces,
        encode_network_interfaces(INTERFACES),
    )
