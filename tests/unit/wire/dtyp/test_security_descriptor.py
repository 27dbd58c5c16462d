from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.dtyp.acl import Ace, Acl
from smbquic.wire.dtyp.security_descriptor import (
    SecurityDescriptor,
    SecurityDescriptorControl,
    SecurityInformation,
)
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, BUILTIN_USERS, EVERYONE
from tests.unit.wire.structures import Field

Lay = Callable[..., bytes]

DACL = Acl([Ace(0, 0, 0x1F01FF, EVERYONE)])
SACL = Acl([Ace(2, 0x40, 0x1, EVERYONE)])
FULL = SecurityDescriptor(BUILTIN_ADMINISTRATORS, BUILTIN_USERS, DACL, SACL, 0x8014, 1)


def test_layout(lay: Lay) -> None:
    wire = lay(
        *((1, 1), (1, 1), (2, 0x8014), (4, 20), (4, 36), (4, 52), (4, 80)),
        BUILTIN_ADMINISTRATORS.encode(),
        BUILTIN_USERS.encode(),
        SACL.encode(),
        DACL.encode(),
    )
    assert FULL.encode() == wire
    assert SecurityDescriptor.decode(wire) == FULL


def test_nothing(lay: Lay) -> None:
    wire = lay((1, 1), (1, 0), (2, 0x8000), bytes(16))
    assert SecurityDescriptor().encode() == wire
    assert SecurityDescriptor.decode(wire) == SecurityDescriptor()


def test_control_follows_from_the_parts() -> None:
    decoded = SecurityDescriptor.decode(SecurityDescriptor(EVERYONE, dacl=DACL).encode())
    assert decoded.control == SecurityDescriptorControl.SR | SecurityDescriptorControl.DP
    assert decoded.dacl == DACL
    assert decoded.sacl is None
    assert decoded.group is None


def test_null_dacl_is_not_an_empty_one() -> None:
    null = SecurityDescriptor(control=0x8004)
    empty = SecurityDescriptor(dacl=Acl([]), control=0x8004)
    assert SecurityDescriptor.decode(null.encode()) == null
    assert SecurityDescriptor.decode(empty.encode()) == empty
    assert null.encode() != empty.encode()


def test_parts_that_are_not_present(lay: Lay) -> None:
    wire = lay((1, 1), (1, 0), (2, 0x8000), (4, 0), (4, 0), (4, 20), (4, 20), DACL.encode())
    descriptor = SecurityDescriptor.decode(wire)
    assert descriptor.dacl is None
    assert descriptor.sacl is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([(1, 1), (1, 0), (2, 0x8000), bytes(15)], id="cut short"),
        pytest.param([(1, 2), (1, 0), (2, 0x8000), bytes(16)], id="revision"),
        pytest.param([(1, 1), (1, 0), (2, 0x0004), bytes(16)], id="absolute"),
        pytest.param([(1, 1), (1, 0), (2, 0x8000), (4, 20), bytes(12)], id="owner outside"),
        pytest.param([(1, 1), (1, 0), (2, 0x8000), (4, 2**32 - 1), bytes(12)], id="far outside"),
        pytest.param([(1, 1), (1, 0), (2, 0x8004), bytes(12), (4, 20)], id="DACL outside"),
    ],
)
def test_malformed(fields: Sequence[Field], lay: Lay) -> None:
    with pytest.raises(WireError):
        SecurityDescriptor.decode(lay(*fields))


def test_security_information() -> None:
    parts = SecurityInformation.OWNER | SecurityInformation.GROUP | SecurityInformation.DACL
    assert parts == 7
    assert SecurityInformation(0x80000004).name == "DACL|PROTECTED_DACL"


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    def padded(data: memoryview) -> SecurityDescriptor:
        # Entries whose size is not a multiple of 4 are read, but never written.
        return SecurityDescriptor.decode(SecurityDescriptor.decode(data).encode())

    fuzz(data, padded, SecurityDescriptor.encode, FULL.encode())
