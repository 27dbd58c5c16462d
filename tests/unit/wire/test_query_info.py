from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.query_info import InfoType, QueryInfoFlags, QueryInfoRequest, QueryInfoResponse

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = QueryInfoRequest(
    InfoType.FILE,
    FileInformationClass.FileFullEaInformation,
    1024,
    FileId(3, 4),
    additional_information=9,
    flags=QueryInfoFlags.SL_RESTART_SCAN,
    input_buffer=b"names",
)


def test_request_layout(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 41), (1, 1), (1, 15), (4, 1024), (2, 104), (2, 0), (4, 5), (4, 9), (4, 1)),
        *((8, 3), (8, 4), b"names"),
    )
    assert REQUEST.encode() == body
    assert QueryInfoRequest.decode(frame(body)) == REQUEST


def test_request_without_input(frame: Frame) -> None:
    request = replace(REQUEST, input_buffer=b"")
    body = request.encode()
    assert len(body) == 40
    assert body[8:10] == bytes(2)
    assert QueryInfoRequest.decode(frame(body)) == request


def test_request_with_an_offset_but_no_input(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] <79>: some set it in spite of that.
    body = replace(REQUEST, input_buffer=b"").encode()
    body = body[:8] + lay((2, 104)) + body[10:]
    assert QueryInfoRequest.decode(frame(body)) == replace(REQUEST, input_buffer=b"")


def test_input_outside(frame: Frame) -> None:
    with pytest.raises(WireError, match="QueryInfoRequest"):
        QueryInfoRequest.decode(frame(REQUEST.encode()[:-1]))


@pytest.mark.parametrize("message", [REQUEST, QueryInfoResponse(b"information")])
@given(data=st.data())
def test_any_bytes(
    message: QueryInfoRequest | QueryInfoResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
