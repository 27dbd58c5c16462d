from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.read import RdmaChannel, ReadFlags, ReadRequest, ReadResponse

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

FILE_ID = FileId(17, 0xFFFFFFFF00000009)


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.5, step 3; the byte at the end is the Buffer.
    body = lay(
        *((2, 49), (1, 80), (1, 0), (4, 98), (8, 0), (8, 17), (8, 0xFFFFFFFF00000009)),
        *((4, 0), (4, 0), (4, 0), (2, 0), (2, 0), (1, 0)),
    )
    request = ReadRequest(98, 0, FILE_ID)
    assert request.encode() == body
    assert ReadRequest.decode(frame(body)) == request
    assert ReadRequest.decode(frame(body[:-1])) == request


def test_request_with_everything(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 49), (1, 0x50), (1, 1), (4, 1 << 20), (8, 1 << 33), (8, 17)),
        *((8, 0xFFFFFFFF00000009), (4, 3), (4, 1), (4, 7), (2, 0), (2, 0), (1, 0)),
    )
    request = ReadRequest(
        1 << 20,
        1 << 33,
        FILE_ID,
        minimum_count=3,
        flags=ReadFlags.READ_UNBUFFERED,
        channel=RdmaChannel.RDMA_V1,
        remaining_bytes=7,
    )
    assert request.encode() == body
    assert ReadRequest.decode(frame(body)) == request


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.5, step 4
    data = bytes(range(98))
    body = lay((2, 17), (1, 80), (1, 0), (4, 98), (4, 0), (4, 0), data)
    response = ReadResponse(data)
    assert response.encode() == body
    assert ReadResponse.decode(frame(body)) == response


def test_data_is_not_copied(frame: Frame) -> None:
    data = bytearray(b"payload")
    buffers = ReadResponse(data).buffers()
    assert buffers[1] is data
    message = bytearray(frame(b"".join(buffers)))
    decoded = ReadResponse.decode(memoryview(message)).data
    message[80] = ord("P")
    assert bytes(decoded) == b"Payload"


def test_no_data(lay: Lay, frame: Frame) -> None:
    body = lay((2, 17), (1, 80), (1, 0), (4, 0), (4, 0), (4, 0), (1, 0))
    assert ReadResponse(b"").encode() == body
    assert ReadResponse(memoryview(b"")).encode() == body
    assert ReadResponse.decode(frame(body)) == ReadResponse(b"")


def test_data_after_padding(lay: Lay, frame: Frame) -> None:
    body = lay((2, 17), (1, 88), (1, 0), (4, 4), (4, 5), (4, 1), bytes(8), b"data", b"more")
    assert ReadResponse.decode(frame(body)) == ReadResponse(b"data", data_remaining=5, flags=1)


@pytest.mark.parametrize(("offset", "length"), [(80, 5), (16, 4), (84, 1)])
def test_data_outside(offset: int, length: int, lay: Lay, frame: Frame) -> None:
    body = lay((2, 17), (1, offset), (1, 0), (4, length), (4, 0), (4, 0), b"data")
    with pytest.raises(WireError, match="ReadResponse"):
        ReadResponse.decode(frame(body))


@pytest.mark.parametrize(
    "message", [ReadRequest(98, 5, FILE_ID), ReadResponse(b"data", data_remaining=1, flags=2)]
)
@given(data=st.data())
def test_any_bytes(
    message: ReadRequest | ReadResponse, data: st.DataObject, fuzz_message: Callable[..., None]
) -> None:
    fuzz_message(data, message)


@given(data=st.binary(max_size=300))
def test_response_round_trip(data: bytes) -> None:
    message = memoryview(bytes(64) + ReadResponse(data).encode())
    assert bytes(ReadResponse.decode(message).data) == data
