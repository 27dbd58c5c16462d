import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.file_id import FileId

NUMBERS = st.integers(0, 2**64 - 1)


def test_layout() -> None:
    assert FileId(0x11, 0xFFFFFFFF00000009).encode() == bytes.fromhex(
        "1100000000000000 09000000ffffffff"
    )


def test_related_is_all_ones() -> None:
    assert FileId.RELATED.encode() == b"\xff" * 16
    assert FileId.decode(b"\xff" * 16) == FileId.RELATED


@given(NUMBERS, NUMBERS)
def test_round_trip(persistent: int, volatile: int) -> None:
    file_id = FileId(persistent, volatile)
    assert FileId.decode(file_id.encode() + b"more") == file_id
    assert isinstance(FileId.decode(file_id.encode()), FileId)


@given(st.binary(max_size=15))
def test_too_short(data: bytes) -> None:
    with pytest.raises(WireError):
        FileId.decode(data)
