from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.fscc.notify_information import (
    NotifyAction,
    NotifyInformation,
    decode_notifications,
    encode_notifications,
)

CHANGES = [
    NotifyInformation(NotifyAction.FILE_ACTION_RENAMED_OLD_NAME, "old"),
    NotifyInformation(NotifyAction.FILE_ACTION_RENAMED_NEW_NAME, "sub\\new"),
]


def test_layout(lay: Callable[..., bytes]) -> None:
    wire = lay(
        *((4, 20), (4, 4), (4, 6), "old", bytes(2)),
        *((4, 0), (4, 5), (4, 14), "sub\\new"),
    )
    assert encode_notifications(CHANGES) == wire
    assert decode_notifications(wire) == CHANGES


def test_nothing() -> None:
    assert encode_notifications([]) == b""
    assert decode_notifications(b"") == []


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, decode_notifications, encode_notifications, encode_notifications(CHANGES))
