from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM, Sid

SIDS = st.builds(
    Sid,
    st.integers(0, 2**48 - 1),
    st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
)


def test_layout() -> None:
    wire = bytes.fromhex("0102 000000000005 20000000 20020000")
    assert BUILTIN_ADMINISTRATORS.encode() == wire
    assert Sid.decode(wire + b"more") == BUILTIN_ADMINISTRATORS


@pytest.mark.parametrize(
    ("sid", "string"),
    [
        (EVERYONE, "S-1-1-0"),
        (LOCAL_SYSTEM, "S-1-5-18"),
        (BUILTIN_ADMINISTRATORS, "S-1-5-32-544"),
        (Sid(5, (21, 1, 2, 4294967295, 513)), "S-1-5-21-1-2-4294967295-513"),
        (Sid(0x123456789ABC, (1,)), "S-1-0x123456789abc-1"),
        (Sid(0xFFFFFFFF, (1,)), "S-1-4294967295-1"),
        (Sid(0x100000000, (1,)), "S-1-0x000100000000-1"),
    ],
)
def test_strings(sid: Sid, string: str) -> None:
    assert str(sid) == string
    assert Sid.parse(string) == sid
    assert Sid.parse(string.replace("S", "s")) == sid


@pytest.mark.parametrize(
    "string",
    [
        "",
        "S",
        "S-1",
        "X-1-1-0",
        "S-2-1-0",
        "S-1-x-0",
        "S-1-1--0",
        "S-1-1-4294967296",
        "S-1-0x1000000000000-1",
        "S-1-1" + "-1" * 16,
    ],
)
def test_not_a_sid(string: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its words differ from case to case
        Sid.parse(string)


@pytest.mark.parametrize("wire", ["0201000000000001 00000000", "0110000000000001" + "00" * 64])
def test_malformed(wire: str) -> None:
    with pytest.raises(WireError, match="SID"):
        Sid.decode(bytes.fromhex(wire))


@given(sid=SIDS)
def test_round_trips(sid: Sid) -> None:
    assert Sid.decode(sid.encode()) == sid
    assert Sid.parse(str(sid)) == sid


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, Sid.decode, Sid.encode, BUILTIN_ADMINISTRATORS.encode())
