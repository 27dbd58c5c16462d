from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.notification import NotificationType, ServerToClientNotification

CLOSED = ServerToClientNotification(NotificationType.SmbNotifySessionClosed)


def test_layout(lay: Callable[..., bytes], frame: Callable[[bytes], memoryview]) -> None:
    body = lay((2, 12), (2, 0), (4, 0), bytes(4))
    assert CLOSED.encode() == body
    assert ServerToClientNotification.decode(frame(body)) == CLOSED


def test_of_the_specification(
    lay: Callable[..., bytes], frame: Callable[[bytes], memoryview]
) -> None:
    # [MS-SMB2] 4.11 calls its size 0x12.
    body = lay((2, 0x12), (2, 0), (4, 0), bytes(4))
    assert ServerToClientNotification.decode(frame(body)) == CLOSED


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, CLOSED)
