from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import EndOfFileInformation, FileInformationClass
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = SetInfoRequest(
    InfoType.FILE,
    FileInformationClass.FileEndOfFileInformation,
    FileId(25, 0xFFFFFFFF00000005),
    EndOfFileInformation(0x2F000).encode(),
)


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.6, step 3
    body = lay(
        *((2, 33), (1, 1), (1, 20), (4, 8), (2, 96), (2, 0), (4, 0)),
        *((8, 25), (8, 0xFFFFFFFF00000005), (8, 0x2F000)),
    )
    assert REQUEST.encode() == body
    assert SetInfoRequest.decode(frame(body)) == REQUEST


def test_response_of_the_specification(frame: Frame) -> None:
    # [MS-SMB2] 4.6, step 4
    assert SetInfoResponse().encode() == b"\x02\x00"
    assert SetInfoResponse.decode(frame(b"\x02\x00")) == SetInfoResponse()


def test_additional_information(lay: Lay, frame: Frame) -> None:
    request = SetInfoRequest(
        InfoType.SECURITY, 0, FileId(1, 2), b"descriptor", additional_information=0x80000004
    )
    body = request.encode()
    assert body[12:16] == lay((4, 0x80000004))
    assert SetInfoRequest.decode(frame(body)) == request


def test_buffer_outside(frame: Frame) -> None:
    with pytest.raises(WireError, match="SetInfoRequest"):
        SetInfoRequest.decode(frame(REQUEST.encode()[:-1]))


@pytest.mark.parametrize("message", [REQUEST, SetInfoResponse()])
@given(data=st.data())
def test_any_bytes(
    message: SetInfoRequest | SetInfoResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
