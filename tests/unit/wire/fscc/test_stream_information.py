from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.stream_information import (
    StreamInformation,
    decode_streams,
    encode_streams,
)

STREAMS = [
    StreamInformation("::$DATA", 98, 4096),
    StreamInformation(":Zone.Identifier:$DATA", 26, 32),
]


def test_layout(lay: Callable[..., bytes]) -> None:
    wire = lay(
        *((4, 40), (4, 14), (8, 98), (8, 4096), "::$DATA", bytes(2)),
        *((4, 0), (4, 44), (8, 26), (8, 32), ":Zone.Identifier:$DATA"),
    )
    assert encode_streams(STREAMS) == wire
    assert decode_streams(wire) == STREAMS


def test_folders_have_none() -> None:
    assert encode_streams([]) == b""
    assert decode_streams(b"") == []


def test_name_reaches_into_the_next_stream(lay: Callable[..., bytes]) -> None:
    wire = encode_streams(STREAMS)
    with pytest.raises(WireError):
        decode_streams(wire[:4] + lay((4, 18)) + wire[8:])


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, decode_streams, encode_streams, encode_streams(STREAMS))
