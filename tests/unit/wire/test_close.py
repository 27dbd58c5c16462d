from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.close import CloseFlags, CloseRequest, CloseResponse
from smbquic.wire.file_id import FileId

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = CloseRequest(FileId(9, 0xFFFFFFFF00000001), flags=CloseFlags.POSTQUERY_ATTRIB)
RESPONSE = CloseResponse(
    CloseFlags.POSTQUERY_ATTRIB,
    127972990708847232,
    127972993090343232,
    127972992877715232,
    127972992877715232,
    4096,
    98,
    0x10,
)


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.5, step 5
    body = lay((2, 24), (2, 1), (4, 0), (8, 9), (8, 0xFFFFFFFF00000001))
    assert REQUEST.encode() == body
    assert CloseRequest.decode(frame(body)) == REQUEST


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.5, step 6, with sizes filled in
    body = lay(
        *((2, 60), (2, 1), (4, 0)),
        *((8, 0x1C6A6C1CC0B9280), (8, 0x1C6A6C259FE5140)),
        *((8, 0x1C6A6C24D51DF20), (8, 0x1C6A6C24D51DF20)),
        *((8, 4096), (8, 98), (4, 0x10)),
    )
    assert RESPONSE.encode() == body
    assert CloseResponse.decode(frame(body)) == RESPONSE


def test_response_without_attributes(lay: Lay) -> None:
    assert CloseResponse().encode() == lay((2, 60), bytes(58))


def test_response_cut_short(frame: Frame) -> None:
    with pytest.raises(WireError, match="CloseResponse"):
        CloseResponse.decode(frame(RESPONSE.encode()[:-1]))


@pytest.mark.parametrize("message", [REQUEST, RESPONSE])
@given(data=st.data())
def test_any_bytes(
    message: CloseRequest | CloseResponse, data: st.DataObject, fuzz_message: Callable[..., None]
) -> None:
    fuzz_message(data, message)
