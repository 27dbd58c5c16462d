from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.aapl import (
    AaplBitmap,
    AaplServerCaps,
    AaplServerQueryRequest,
    AaplServerQueryResponse,
    AaplVolumeCaps,
)
from smbquic.wire.create_context import CreateContext

Lay = Callable[..., bytes]

REQUEST = AaplServerQueryRequest(
    AaplBitmap.SERVER_CAPS | AaplBitmap.VOLUME_CAPS | AaplBitmap.MODEL_INFO,
    AaplServerCaps.SUPPORTS_READ_DIR_ATTR | AaplServerCaps.UNIX_BASED,
)
RESPONSE = AaplServerQueryResponse(
    AaplServerCaps.UNIX_BASED, AaplVolumeCaps.SUPPORTS_FULL_SYNC, "MacSamba"
)


def test_request_layout(lay: Lay) -> None:
    wire = lay((4, 1), (4, 0), (8, 7), (8, 5))
    assert REQUEST.context() == CreateContext(b"AAPL", wire)
    assert AaplServerQueryRequest.decode(wire) == REQUEST


def test_response_layout(lay: Lay) -> None:
    wire = lay((4, 1), (4, 0), (8, 7), (8, 4), (8, 4), (4, 0), (4, 16), "MacSamba")
    assert RESPONSE.context() == CreateContext(b"AAPL", wire)
    assert AaplServerQueryResponse.decode(wire) == RESPONSE


@pytest.mark.parametrize(
    ("response", "bitmap"),
    [
        (AaplServerQueryResponse(), 0),
        (AaplServerQueryResponse(volume_capabilities=2), 2),
        (AaplServerQueryResponse(server_capabilities=0, model=""), 5),
    ],
)
def test_only_what_was_asked_for(response: AaplServerQueryResponse, bitmap: int, lay: Lay) -> None:
    wire = response.encode()
    assert wire[8:16] == lay((8, bitmap))
    assert AaplServerQueryResponse.decode(wire) == response


@pytest.mark.parametrize("decode", [AaplServerQueryRequest.decode, AaplServerQueryResponse.decode])
def test_other_query(decode: Callable[[bytes], object], lay: Lay) -> None:
    with pytest.raises(WireError, match="2 is not the query"):
        decode(lay((4, 2), bytes(28)))


@given(data=st.data())
def test_any_request(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, AaplServerQueryRequest.decode, AaplServerQueryRequest.encode, REQUEST.encode())


@given(data=st.data())
def test_any_response(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, AaplServerQueryResponse.decode, AaplServerQueryResponse.encode, RESPONSE.encode())
