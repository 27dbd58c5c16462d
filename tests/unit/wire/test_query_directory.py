from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.query_directory import (
    QueryDirectoryFlags,
    QueryDirectoryRequest,
    QueryDirectoryResponse,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = QueryDirectoryRequest(
    FileInformationClass.FileIdBothDirectoryInformation,
    FileId(3, 4),
    "*.txt",
    65536,
    flags=QueryDirectoryFlags.RESTART_SCANS | QueryDirectoryFlags.INDEX_SPECIFIED,
    file_index=7,
)


def test_request_layout(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 33), (1, 0x25), (1, 5), (4, 7), (8, 3), (8, 4)),
        *((2, 96), (2, 10), (4, 65536), "*.txt"),
    )
    assert REQUEST.encode() == body
    assert QueryDirectoryRequest.decode(frame(body)) == REQUEST


def test_request_without_pattern(lay: Lay, frame: Frame) -> None:
    request = replace(REQUEST, file_name="")
    body = request.encode()
    assert body[24:] == lay((2, 0), (2, 0), (4, 65536), (1, 0))
    assert QueryDirectoryRequest.decode(frame(body)) == request


def test_response_layout(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (2, 72), (4, 7), b"entries")
    assert QueryDirectoryResponse(b"entries").encode() == body
    assert QueryDirectoryResponse.decode(frame(body)) == QueryDirectoryResponse(b"entries")


def test_empty_response(lay: Lay, frame: Frame) -> None:
    assert QueryDirectoryResponse().encode() == lay((2, 9), (2, 0), (4, 0))
    assert QueryDirectoryResponse.decode(frame(QueryDirectoryResponse().encode())).buffer == b""


def test_buffer_is_not_copied(frame: Frame) -> None:
    buffer = bytearray(b"entries")
    buffers = QueryDirectoryResponse(buffer).buffers()
    assert buffers[1] is buffer
    message = bytearray(frame(b"".join(buffers)))
    decoded = QueryDirectoryResponse.decode(memoryview(message)).buffer
    message[72] = ord("E")
    assert bytes(decoded) == b"Entries"


def test_buffer_outside(lay: Lay, frame: Frame) -> None:
    with pytest.raises(WireError, match="QueryDirectoryResponse"):
        QueryDirectoryResponse.decode(frame(lay((2, 9), (2, 72), (4, 8), b"entries")))


@pytest.mark.parametrize("message", [REQUEST, QueryDirectoryResponse(b"entries")])
@given(data=st.data())
def test_any_bytes(
    message: QueryDirectoryRequest | QueryDirectoryResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
