from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.create_context import (
    CreateContext,
)
from smbquic.wire.create_contexts import (
    CREATE_QUERY_ON_DISK_ID,
    AllocationSize,
    AppInstanceId,
    AppInstanceVersion,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    DurableHandleResponse,
    DurableHandleResponseV2,
    LeaseFlags,
    LeaseState,
    LeaseV1,
    LeaseV2,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    TimewarpToken,
    _Payload,
    decode_lease,
)
from smbquic.wire.file_id import FileId
from tests.unit.wire.structures import ContextPayload, Field, Structure

Lay = Callable[..., bytes]

KEY = bytes(range(16))
PARENT = bytes(range(16, 32))
FILE_ID = FileId(0x11, 0xFFFFFFFF00000009)
FILE_ID_FIELDS = ((8, 0x11), (8, 0xFFFFFFFF00000009))


PAYLOADS: list[tuple[ContextPayload, bytes, Sequence[Field]]] = [
    (QueryMaximalAccessRequest(), b"MxAc", []),
    (QueryMaximalAccessRequest(0x1D0ABCDEF), b"MxAc", [(8, 0x1D0ABCDEF)]),
    (QueryMaximalAccessResponse(0xC0000022, 0x1F01FF), b"MxAc", [(4, 0xC0000022), (4, 0x1F01FF)]),
    (QueryOnDiskIdResponse(7, 9), b"QFid", [(8, 7), (8, 9), bytes(16)]),
    (AllocationSize(1 << 40), b"AlSi", [(8, 1 << 40)]),
    (TimewarpToken(0x1D0ABCDEF), b"TWrp", [(8, 0x1D0ABCDEF)]),
    (
        LeaseV1(KEY, LeaseState.READ_CACHING | LeaseState.WRITE_CACHING),
        b"RqLs",
        [KEY, (4, 5), (4, 0), (8, 0)],
    ),
    (
        LeaseV2(
            KEY, LeaseState.HANDLE_CACHING, LeaseFlags.PARENT_LEASE_KEY_SET, PARENT, epoch=0x102
        ),
        b"RqLs",
        [KEY, (4, 2), (4, 4), (8, 0), PARENT, (2, 0x102), (2, 0)],
    ),
    (DurableHandleReconnect(FILE_ID), b"DHnC", [*FILE_ID_FIELDS]),
    (
        DurableHandleRequestV2(60000, DurableHandleFlags.PERSISTENT, KEY),
        b"DH2Q",
        [(4, 60000), (4, 2), (8, 0), KEY],
    ),
    (DurableHandleResponseV2(180000), b"DH2Q", [(4, 180000), (4, 0)]),
    (
        DurableHandleReconnectV2(FILE_ID, KEY, DurableHandleFlags.PERSISTENT),
        b"DH2C",
        [*FILE_ID_FIELDS, KEY, (4, 2)],
    ),
    (
        AppInstanceId(KEY),
        bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74"),
        [(2, 20), (2, 0), KEY],
    ),
    (
        AppInstanceVersion(3, 4),
        bytes.fromhex("B982D0B73B56074FA07B524A8116A010"),
        [(2, 24), (2, 0), (4, 0), (8, 3), (8, 4)],
    ),
]
IDS = [type(payload).__name__ for payload, _, _ in PAYLOADS]


@pytest.mark.parametrize(("payload", "name", "fields"), PAYLOADS, ids=IDS)
def test_payload_layout(
    payload: ContextPayload, name: bytes, fields: Sequence[Field], lay: Lay
) -> None:
    wire = lay(*fields)
    assert payload.context() == CreateContext(name, wire)
    assert type(payload).decode(wire) == payload


@pytest.mark.parametrize("payload", [payload for payload, _, _ in PAYLOADS], ids=IDS)
@given(data=st.data())
def test_any_payload(payload: Structure, data: st.DataObject, fuzz: Callable[..., None]) -> None:
    cls = type(payload)
    fuzz(data, cls.decode, cls.encode, payload.encode())


def test_payloads_that_say_nothing() -> None:
    assert DurableHandleRequest().context() == CreateContext(b"DHnQ", bytes(16))
    assert DurableHandleResponse().context() == CreateContext(b"DHnQ", bytes(8))
    assert CREATE_QUERY_ON_DISK_ID == b"QFid"


def test_a_payload_must_say_how_it_is_written() -> None:
    with pytest.raises(TypeError, match="abstract"):
        _Payload()  # type: ignore[abstract]


def test_the_size_tells_the_version_of_a_lease() -> None:
    lease, lease_v2 = LeaseV1(KEY, 7), LeaseV2(KEY, 7)
    assert len(lease.encode()) == 32
    assert len(lease_v2.encode()) == 52
    assert decode_lease(lease.encode()) == lease
    assert decode_lease(lease_v2.encode()) == lease_v2
    assert decode_lease(lease_v2.encode() + b"more") == lease_v2
    with pytest.raises(WireError):
        decode_lease(lease.encode()[:31])


@pytest.mark.parametrize("payload", [AppInstanceId(KEY), AppInstanceVersion(1, 2)])
def test_other_structure_size(payload: AppInstanceId | AppInstanceVersion) -> None:
    with pytest.raises(WireError, match="StructureSize is 1"):
        type(payload).decode(b"\x01\x00" + payload.encode()[2:])
