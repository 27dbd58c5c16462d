from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.change_notify import (
    ChangeNotifyFlags,
    ChangeNotifyRequest,
    ChangeNotifyResponse,
    CompletionFilter,
)
from smbquic.wire.file_id import FileId

REQUEST = ChangeNotifyRequest(
    ChangeNotifyFlags.WATCH_TREE,
    4096,
    FileId(3, 4),
    CompletionFilter.FILE_NOTIFY_CHANGE_FILE_NAME | CompletionFilter.FILE_NOTIFY_CHANGE_SIZE,
)


def test_request_layout(lay: Callable[..., bytes], frame: Callable[[bytes], memoryview]) -> None:
    body = lay((2, 32), (2, 1), (4, 4096), (8, 3), (8, 4), (4, 9), (4, 0))
    assert REQUEST.encode() == body
    assert ChangeNotifyRequest.decode(frame(body)) == REQUEST


@pytest.mark.parametrize("message", [REQUEST, ChangeNotifyResponse(b"changes")])
@given(data=st.data())
def test_any_bytes(
    message: ChangeNotifyRequest | ChangeNotifyResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
