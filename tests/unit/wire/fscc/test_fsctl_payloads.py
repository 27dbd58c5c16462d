"""Payloads of file system controls."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl_payloads import (
    CompressionState,
    DuplicateExtentsData,
    FileLevelTrim,
    FileLevelTrimOutput,
    FileRange,
    FileZeroDataInformation,
    PipePeekReply,
    PipeWaitRequest,
    decode_ranges,
    encode_ranges,
)

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
RANGE = st.builds(FileRange, U64, U64)
DECODERS: list[Callable[[bytes], object]] = [
    CompressionState.decode,
    DuplicateExtentsData.decode,
    FileLevelTrim.decode,
    FileLevelTrimOutput.decode,
    FileRange.decode,
    FileZeroDataInformation.decode,
    PipePeekReply.decode,
    PipeWaitRequest.decode,
    decode_ranges,
]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_understood_or_refused(
    decode: Callable[[bytes], object], data: bytes
) -> None:
    try:
        decoded = decode(data)
    except WireError:
        return
    assert decoded is not None


@given(st.lists(RANGE, max_size=5))
def test_ranges(ranges: list[FileRange]) -> None:
    encoded = encode_ranges(ranges)
    assert len(encoded) == 16 * len(ranges)
    assert decode_ranges(encoded) == ranges


@given(st.builds(FileLevelTrim, U32, st.lists(RANGE, max_size=5)))
def test_trim(trim: FileLevelTrim) -> None:
    assert FileLevelTrim.decode(trim.encode()) == trim


@given(st.builds(DuplicateExtentsData, st.builds(FileId, U64, U64), U64, U64, U64))
def test_duplicate_extents(data: DuplicateExtentsData) -> None:
    assert DuplicateExtentsData.decode(data.encode()) == data


@given(st.builds(PipeWaitRequest, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text()))
def test_pipe_wait(request: PipeWaitRequest) -> None:
    try:
        encoded = request.encode()
    except UnicodeEncodeError:
        return
    assert PipeWaitRequest.decode(encoded) == request


@given(st.builds(PipePeekReply, U32, U32, U32, U32, st.binary()))
def test_pipe_peek(reply: PipePeekReply) -> None:
    assert PipePeekReply.decode(reply.encode()) == reply


def test_layouts() -> None:
    """As [MS-FSCC] 2.3 draws them."""
    assert FileZeroDataInformation(1, 2).encode() == bytes.fromhex(
        "01" + "00" * 7 + "02" + "00" * 7
    )
    assert CompressionState(2).encode() == b"\2\0"
    assert FileLevelTrimOutput(3).encode() == b"\3\0\0\0"
    assert DuplicateExtentsData(FileId(1, 2), 3, 4, 5).encode() == b"".join(
        value.to_bytes(8, "little") for value in (1, 2, 3, 4, 5)
    )
    assert PipeWaitRequest(7, True, "ab").encode() == bytes.fromhex(
        "070000000000000004000000010061006200"
    )
    assert PipePeekReply(3, 4, 5, 6, b"x").encode() == bytes.fromhex(
        "0300000004000000050000000600000078"
    )
