from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.dtyp.acl import (
    ACL_REVISION,
    ACL_REVISION_DS,
    Ace,
    AceFlags,
    AceType,
    Acl,
    OtherAce,
)
from smbquic.wire.dtyp.sid import EVERYONE

Lay = Callable[..., bytes]

SID = bytes.fromhex("0101 000000000001 00000000")
ALLOW = Ace(
    AceType.ACCESS_ALLOWED,
    AceFlags.OBJECT_INHERIT_ACE | AceFlags.CONTAINER_INHERIT_ACE,
    0x1F01FF,
    EVERYONE,
)
CONDITIONAL = Ace(AceType.ACCESS_ALLOWED_CALLBACK, 0, 0x80, EVERYONE, b"artx")
OBJECT = OtherAce(AceType.ACCESS_ALLOWED_OBJECT, 0, b"12345678")
ACL = Acl([ALLOW, CONDITIONAL, OBJECT])


def test_layout(lay: Lay) -> None:
    wire = lay(
        *((1, 2), (1, 0), (2, 8 + 20 + 24 + 12), (2, 3), (2, 0)),
        *((1, 0), (1, 3), (2, 20), (4, 0x1F01FF), SID),
        *((1, 9), (1, 0), (2, 24), (4, 0x80), SID, b"artx"),
        *((1, 5), (1, 0), (2, 12), b"12345678"),
    )
    assert ACL.encode() == wire
    assert Acl.decode(wire + b"more") == ACL


def test_empty(lay: Lay) -> None:
    for revision in (ACL_REVISION, 3, ACL_REVISION_DS):
        wire = lay((1, revision), (1, 0), (2, 8), (2, 0), (2, 0))
        assert Acl.decode(wire) == Acl([], revision)
        assert Acl([], revision).encode() == wire


def test_entries_are_padded() -> None:
    assert OtherAce(5, 0, b"12345").encode() == b"\x05\x00\x0c\x0012345\0\0\0"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([(1, 1), (1, 0), (2, 8), (2, 0), (2, 0)], id="revision"),
        pytest.param([(1, 5), (1, 0), (2, 8), (2, 0), (2, 0)], id="later revision"),
        pytest.param([(1, 2), (1, 0), (2, 7), (2, 0), (2, 0)], id="too small"),
        pytest.param([(1, 2), (1, 0), (2, 12), (2, 0), (2, 0)], id="cut short"),
        pytest.param([(1, 2), (1, 0), (2, 8), (2, 1), (2, 0)], id="no entry"),
        pytest.param(
            [(1, 2), (1, 0), (2, 12), (2, 1), (2, 0), (1, 5), (1, 0), (2, 3)], id="small entry"
        ),
        pytest.param(
            [(1, 2), (1, 0), (2, 12), (2, 1), (2, 0), (1, 5), (1, 0), (2, 8)], id="large entry"
        ),
        pytest.param(
            [(1, 2), (1, 0), (2, 16), (2, 1), (2, 0), (1, 0), (1, 0), (2, 8), (4, 1)], id="no SID"
        ),
    ],
)
def test_malformed(fields: list[tuple[int, int]], lay: Lay) -> None:
    with pytest.raises(WireError):
        Acl.decode(lay(*fields))


def test_entries_do_not_reach_out_of_the_list(lay: Lay) -> None:
    head = lay((1, 2), (1, 0), (2, 12), (2, 1), (2, 0), (1, 5), (1, 0), (2, 8))
    with pytest.raises(WireError, match="4 bytes are announced and 0 are left"):
        Acl.decode(head + b"what comes after")


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    def padded(data: memoryview) -> Acl:
        # Entries whose size is not a multiple of 4 are read, but never written.
        return Acl.decode(Acl.decode(data).encode())

    fuzz(data, padded, Acl.encode, ACL.encode())
