from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = LockRequest(
    0x123,
    FileId(3, 4),
    [
        LockElement(0, 10, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY),
        LockElement(2**63, 2**64 - 1, LockFlags.UNLOCK),
    ],
)


def test_layout(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 48), (2, 2), (4, 0x123), (8, 3), (8, 4)),
        *((8, 0), (8, 10), (4, 0x12), (4, 0)),
        *((8, 2**63), (8, 2**64 - 1), (4, 4), (4, 0)),
    )
    assert REQUEST.encode() == body
    assert LockRequest.decode(frame(body)) == REQUEST


def test_lock_sequence() -> None:
    assert REQUEST.lock_sequence_number == 3
    assert REQUEST.lock_sequence_index == 0x12


def test_no_locks(frame: Frame) -> None:
    request = LockRequest(0, FileId(3, 4), [])
    assert LockRequest.decode(frame(request.encode())) == request


def test_fewer_locks_than_announced(frame: Frame) -> None:
    with pytest.raises(WireError, match="48 bytes are announced and 47 are left"):
        LockRequest.decode(frame(REQUEST.encode()[:-1]))


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, REQUEST)
