from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.error import (
    ErrorContext,
    ErrorId,
    ErrorResponse,
    SymbolicLinkErrorResponse,
    SymlinkFlags,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

# The example of [MS-SMB2] 2.2.2.2.1.1.
ABSOLUTE = SymbolicLinkErrorResponse(
    0x2E,
    r"\??\D:\DonHall\MiscDocuments\PDocs",
    r"D:\DonHall\MiscDocuments\PDocs",
    SymlinkFlags(0),
)


def test_without_data(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (1, 0), (1, 0), (4, 0), (1, 0))
    assert ErrorResponse().encode() == body
    assert ErrorResponse.decode(frame(body)) == ErrorResponse()
    # Some servers leave the one byte out.
    assert ErrorResponse.decode(frame(body[:-1])) == ErrorResponse()


def test_with_data(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (1, 0), (1, 0), (4, 4), (4, 260))
    error = ErrorResponse(lay((4, 260)))
    assert error.encode() == body
    assert error.buffers() == [body]
    assert ErrorResponse.decode(frame(body)) == error
    assert error.contexts() == []


def test_contexts(lay: Lay, frame: Frame) -> None:
    contexts = [
        ErrorContext(ErrorId.DEFAULT, b"\x02\x03"),
        ErrorContext(ErrorId.SHARE_REDIRECT, b""),
    ]
    error = ErrorResponse.of_contexts(contexts)
    data = lay((4, 2), (4, 0), b"\x02\x03", bytes(6), (4, 0), (4, 0x72645253))
    assert error == ErrorResponse(data, 2)
    assert ErrorResponse.decode(frame(error.encode())).contexts() == contexts


def test_context_cut_short(lay: Lay) -> None:
    with pytest.raises(WireError):
        ErrorResponse(lay((4, 2), (4, 0), b"x"), 1).contexts()


def test_data_cut_short(lay: Lay, frame: Frame) -> None:
    with pytest.raises(WireError):
        ErrorResponse.decode(frame(lay((2, 9), (1, 0), (1, 0), (4, 5), (4, 0))))


def test_symbolic_link(lay: Lay) -> None:
    data = ABSOLUTE.encode()
    names = ABSOLUTE.substitute_name + ABSOLUTE.print_name
    buffer_size = 2 * len(names)
    assert data == lay(
        (4, 24 + buffer_size),
        (4, 0x4C4D5953),
        (4, 0xA000000C),
        (2, 12 + buffer_size),
        (2, 0x2E),
        (2, 0),
        (2, 0x44),
        (2, 0x44),
        (2, buffer_size - 0x44),
        (4, 0),
        names,
    )
    assert len(data) == 4 + 24 + buffer_size
    assert SymbolicLinkErrorResponse.decode(data) == ABSOLUTE


def test_symbolic_link_in_a_context() -> None:
    error = ErrorResponse.of_contexts([ErrorContext(ErrorId.DEFAULT, ABSOLUTE.encode())])
    (context,) = error.contexts()
    assert SymbolicLinkErrorResponse.decode(context.error_context_data) == ABSOLUTE


@pytest.mark.parametrize("offset", [4, 8])
def test_other_tag(offset: int) -> None:
    data = bytearray(ABSOLUTE.encode())
    data[offset] ^= 1
    with pytest.raises(WireError, match="symbolic link"):
        SymbolicLinkErrorResponse.decode(data)


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, ErrorResponse.of_contexts([ErrorContext(0, b"abc"), ErrorContext(1, b"")]))


@given(data=st.binary(max_size=64), count=st.integers(0, 255))
def test_any_contexts(data: bytes, count: int) -> None:
    try:
        contexts = ErrorResponse(data, count).contexts()
    except WireError:
        return
    assert ErrorResponse.of_contexts(contexts).contexts() == contexts


@given(data=st.data())
def test_any_symbolic_link(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(
        data,
        SymbolicLinkErrorResponse.decode,
        SymbolicLinkErrorResponse.encode,
        ABSOLUTE.encode(),
    )
