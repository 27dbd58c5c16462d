from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.reparse import (
    IO_REPARSE_TAG_SYMLINK,
    SymbolicLinkReparseData,
    reparse_tag,
)

LINK = SymbolicLinkReparseData("..\\a", "name", 1)


def test_layout(lay: Callable[..., bytes]) -> None:
    wire = lay(
        *((4, 0xA000000C), (2, 28), (2, 0), (2, 0), (2, 8), (2, 8), (2, 8), (4, 1)),
        *("..\\a", "name"),
    )
    assert LINK.encode() == wire
    assert SymbolicLinkReparseData.decode(wire) == LINK
    assert reparse_tag(wire) == IO_REPARSE_TAG_SYMLINK


def test_names_in_the_other_order(lay: Callable[..., bytes]) -> None:
    wire = lay(
        *((4, 0xA000000C), (2, 28), (2, 0), (2, 8), (2, 8), (2, 0), (2, 8), (4, 1)),
        *("name", "..\\a"),
    )
    assert SymbolicLinkReparseData.decode(wire) == LINK


def test_a_wrong_length() -> None:
    for wire in (LINK.encode()[:-1], LINK.encode() + b"x", b"short"):
        with pytest.raises(WireError):
            reparse_tag(wire)


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, SymbolicLinkReparseData.decode, SymbolicLinkReparseData.encode, LINK.encode())
