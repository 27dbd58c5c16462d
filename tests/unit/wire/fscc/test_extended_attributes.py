from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.extended_attributes import (
    EaFlags,
    FullEaInformation,
    decode_full_eas,
    decode_get_eas,
    encode_full_eas,
    encode_get_eas,
)

Lay = Callable[..., bytes]

ATTRIBUTES = [
    FullEaInformation(b"AUTHOR", b"somebody", EaFlags.FILE_NEED_EA),
    FullEaInformation(b"EMPTY", b""),
]
NAMES = [b"AUTHOR", b"AB", b"EMPTY"]


def test_attributes_layout(lay: Lay) -> None:
    wire = lay(
        *((4, 24), (1, 0x80), (1, 6), (2, 8), b"AUTHOR\0", b"somebody", bytes(1)),
        *((4, 0), (1, 0), (1, 5), (2, 0), b"EMPTY\0"),
    )
    assert encode_full_eas(ATTRIBUTES) == wire
    assert decode_full_eas(wire) == ATTRIBUTES


def test_names_layout(lay: Lay) -> None:
    wire = lay(
        *((4, 12), (1, 6), b"AUTHOR\0"),
        *((4, 8), (1, 2), b"AB\0"),
        *((4, 0), (1, 5), b"EMPTY\0"),
    )
    assert encode_get_eas(NAMES) == wire
    assert decode_get_eas(wire) == NAMES


def test_nothing() -> None:
    assert decode_full_eas(b"") == []
    assert decode_get_eas(b"") == []


def test_name_without_terminator(lay: Lay) -> None:
    with pytest.raises(WireError, match="terminated"):
        decode_full_eas(lay((4, 0), (1, 0), (1, 2), (2, 0), b"ABC"))
    with pytest.raises(WireError, match="terminated"):
        decode_get_eas(lay((4, 0), (1, 2), b"ABC"))


def test_value_cut_short(lay: Lay) -> None:
    with pytest.raises(WireError):
        decode_full_eas(lay((4, 0), (1, 0), (1, 2), (2, 2), b"AB\0v"))


@given(data=st.data())
def test_any_attributes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, decode_full_eas, encode_full_eas, encode_full_eas(ATTRIBUTES))


@given(data=st.data())
def test_any_names(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, decode_get_eas, encode_get_eas, encode_get_eas(NAMES))
