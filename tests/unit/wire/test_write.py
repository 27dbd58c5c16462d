from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.write import WriteFlags, WriteRequest, WriteResponse

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

FILE_ID = FileId(25, 0xFFFFFFFF00000005)


def head(lay: Lay, data_offset: int, length: int) -> bytes:
    return lay(
        *((2, 49), (2, data_offset), (4, length), (8, 65536), (8, 25), (8, 0xFFFFFFFF00000005)),
        *((4, 0), (4, 0), (2, 0), (2, 0), (4, 0)),
    )


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.6, step 7
    data = bytes(65536)
    body = head(lay, 112, 65536) + data
    request = WriteRequest(65536, FILE_ID, data)
    assert request.encode() == body
    assert WriteRequest.decode(frame(body)) == request


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.6, step 8; the byte at the end makes it as long as its StructureSize.
    body = lay((2, 17), (2, 0), (4, 65536), (4, 0), (2, 0), (2, 0), (1, 0))
    assert WriteResponse(65536).encode() == body
    assert WriteResponse.decode(frame(body)) == WriteResponse(65536)
    assert WriteResponse.decode(frame(body[:-1])) == WriteResponse(65536)


def test_request_with_everything(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 49), (2, 112), (4, 4), (8, 1), (8, 25), (8, 0xFFFFFFFF00000005)),
        *((4, 1), (4, 9), (2, 0), (2, 0), (4, 1), b"data"),
    )
    request = WriteRequest(
        1, FILE_ID, b"data", flags=WriteFlags.WRITE_THROUGH, channel=1, remaining_bytes=9
    )
    assert request.encode() == body
    assert WriteRequest.decode(frame(body)) == request


def test_data_is_not_copied(frame: Frame) -> None:
    data = bytearray(b"payload")
    buffers = WriteRequest(0, FILE_ID, data).buffers()
    assert buffers[1] is data
    message = bytearray(frame(b"".join(buffers)))
    decoded = WriteRequest.decode(memoryview(message)).data
    message[112] = ord("P")
    assert bytes(decoded) == b"Payload"


def test_no_data(lay: Lay, frame: Frame) -> None:
    body = head(lay, 112, 0) + b"\0"
    assert WriteRequest(65536, FILE_ID, b"").encode() == body
    assert WriteRequest.decode(frame(body)) == WriteRequest(65536, FILE_ID, b"")


@pytest.mark.parametrize(("offset", "length"), [(112, 5), (16, 4), (116, 1), (113, 0xFFFFFFFF)])
def test_data_outside(offset: int, length: int, lay: Lay, frame: Frame) -> None:
    with pytest.raises(WireError, match="WriteRequest"):
        WriteRequest.decode(frame(head(lay, offset, length) + b"data"))


@pytest.mark.parametrize(
    "message",
    [WriteRequest(1, FILE_ID, b"data", flags=1, channel=2, remaining_bytes=3), WriteResponse(7)],
)
@given(data=st.data())
def test_any_bytes(
    message: WriteRequest | WriteResponse, data: st.DataObject, fuzz_message: Callable[..., None]
) -> None:
    fuzz_message(data, message)


@given(data=st.binary(max_size=300), offset=st.integers(0, 2**64 - 1))
def test_request_round_trip(data: bytes, offset: int) -> None:
    message = memoryview(bytes(64) + WriteRequest(offset, FILE_ID, data).encode())
    request = WriteRequest.decode(message)
    assert bytes(request.data) == data
    assert request.offset == offset
