from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import (
    IoctlFlags,
    IoctlRequest,
    IoctlResponse,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, SecurityMode

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

FILE_ID = FileId(5, 0xFFFFFFFF00000005)
GUID = bytes(range(16))
REQUEST = IoctlRequest(
    Fsctl.PIPE_TRANSCEIVE, FILE_ID, 0, 1024, IoctlFlags.IS_FSCTL, bytes(range(68))
)
RESPONSE = IoctlResponse(Fsctl.PIPE_TRANSCEIVE, FILE_ID, bytes(range(68)), bytes(range(112)))
VALIDATE_REQUEST = ValidateNegotiateInfoRequest(
    GlobalCapabilities(0x7F),
    GUID,
    SecurityMode.SIGNING_ENABLED,
    [Dialect.SMB_3_0, Dialect.SMB_3_0_2],
)
VALIDATE_RESPONSE = ValidateNegotiateInfoResponse(
    GlobalCapabilities(0x2F), GUID, SecurityMode.SIGNING_REQUIRED, Dialect.SMB_3_0_2
)


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.4, step 7, whose OutputOffset is not the 0 that it should be
    head = lay((2, 57), (2, 0), (4, 0x0011C017), (8, 5), (8, 0xFFFFFFFF00000005), (4, 120), (4, 68))
    tail = lay((4, 0), (4, 1024), (4, 1), (4, 0), bytes(range(68)))
    assert IoctlRequest.decode(frame(head + lay((4, 0), (4, 120)) + tail)) == REQUEST
    assert REQUEST.encode() == head + lay((4, 0), (4, 0)) + tail


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.4, step 8
    body = lay(
        *((2, 49), (2, 0), (4, 0x0011C017), (8, 5), (8, 0xFFFFFFFF00000005)),
        *((4, 112), (4, 68), (4, 184), (4, 112), (4, 0), (4, 0)),
        *(bytes(range(68)), bytes(4), bytes(range(112))),
    )
    assert RESPONSE.encode() == body
    assert IoctlResponse.decode(frame(body)) == RESPONSE


def test_request_without_input(lay: Lay, frame: Frame) -> None:
    request = IoctlRequest(Fsctl.SRV_REQUEST_RESUME_KEY, FILE_ID, max_output_response=32)
    body = request.encode()
    assert len(body) == 56
    assert IoctlRequest.decode(frame(body)) == request


def test_response_without_output(lay: Lay, frame: Frame) -> None:
    response = IoctlResponse(Fsctl.LMR_REQUEST_RESILIENCY, FILE_ID)
    body = response.encode()
    assert body[24:40] == lay((4, 112), (4, 0), (4, 0), (4, 0))
    assert IoctlResponse.decode(frame(body)) == response


def test_output_is_not_copied(frame: Frame) -> None:
    output = bytearray(b"output")
    buffers = IoctlResponse(Fsctl.SRV_COPYCHUNK, FILE_ID, output=output).buffers()
    assert buffers[1] is output
    message = bytearray(frame(b"".join(buffers)))
    decoded = IoctlResponse.decode(memoryview(message)).output
    message[112] = ord("O")
    assert bytes(decoded) == b"Output"


def test_input_outside(frame: Frame) -> None:
    with pytest.raises(WireError, match="IoctlRequest"):
        IoctlRequest.decode(frame(REQUEST.encode()[:-1]))


def test_output_outside(frame: Frame) -> None:
    with pytest.raises(WireError, match="IoctlResponse"):
        IoctlResponse.decode(frame(RESPONSE.encode()[:-1]))


def test_validate_request_layout(lay: Lay) -> None:
    wire = lay((4, 0x7F), GUID, (2, 1), (2, 2), (2, 0x0300), (2, 0x0302))
    assert VALIDATE_REQUEST.encode() == wire
    assert ValidateNegotiateInfoRequest.decode(wire) == VALIDATE_REQUEST


def test_validate_response_layout(lay: Lay) -> None:
    wire = lay((4, 0x2F), GUID, (2, 2), (2, 0x0302))
    assert VALIDATE_RESPONSE.encode() == wire
    assert ValidateNegotiateInfoResponse.decode(wire) == VALIDATE_RESPONSE


@pytest.mark.parametrize("message", [REQUEST, RESPONSE])
@given(data=st.data())
def test_any_bytes(
    message: IoctlRequest | IoctlResponse, data: st.DataObject, fuzz_message: Callable[..., None]
) -> None:
    fuzz_message(data, message)


@pytest.mark.parametrize("info", [VALIDATE_REQUEST, VALIDATE_RESPONSE])
@given(data=st.data())
def test_any_validation(
    info: ValidateNegotiateInfoRequest | ValidateNegotiateInfoResponse,
    data: st.DataObject,
    fuzz: Callable[..., None],
) -> None:
    fuzz(data, type(info).decode, type(info).encode, info.encode())
