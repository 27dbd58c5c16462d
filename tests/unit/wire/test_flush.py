from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest

REQUEST = FlushRequest(FileId(9, 0xFFFFFFFF00000001))


def test_layout(lay: Callable[..., bytes], frame: Callable[[bytes], memoryview]) -> None:
    body = lay((2, 24), (2, 0), (4, 0), (8, 9), (8, 0xFFFFFFFF00000001))
    assert REQUEST.encode() == body
    assert FlushRequest.decode(frame(body)) == REQUEST


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, REQUEST)
