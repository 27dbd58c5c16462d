from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.smb1 import (
    DIALECT_SMB_2_002,
    decode_multi_protocol_negotiate,
    encode_multi_protocol_negotiate,
    is_smb1,
)

Lay = Callable[..., bytes]

DIALECTS = [
    "PC NETWORK PROGRAM 1.0",
    "LANMAN1.0",
    "Windows for Workgroups 3.1a",
    "LM1.2X002",
    "LANMAN2.1",
    "NT LM 0.12",
    DIALECT_SMB_2_002,
]


def head(lay: Lay) -> bytes:
    # [MS-SMB2] 4.1, step 1
    return lay(
        *(b"\xffSMB", (1, 0x72), (4, 0), (1, 0x18), (2, 0xC853), (2, 0), (8, 0), (2, 0)),
        *((2, 0xFFFF), (2, 0xFEFF), (2, 0), (2, 0)),
    )


def test_negotiate_of_the_specification(lay: Lay) -> None:
    strings = b"".join(b"\x02" + name.encode() + b"\0" for name in DIALECTS)
    assert len(strings) == 109
    message = head(lay) + lay((1, 0), (2, 109), strings)
    assert is_smb1(message)
    assert decode_multi_protocol_negotiate(memoryview(message)) == DIALECTS


def test_words_before_the_dialects_are_skipped(lay: Lay) -> None:
    message = head(lay) + lay((1, 2), bytes(4), (2, 4), b"\x02ab\0", b"more")
    assert decode_multi_protocol_negotiate(message) == ["ab"]


@pytest.mark.parametrize("message", [b"", b"\xffSM", b"\xfeSMB" + bytes(60), b"SMB"])
def test_not_smb1(message: bytes) -> None:
    assert not is_smb1(message)
    with pytest.raises(WireError):
        decode_multi_protocol_negotiate(message)


def test_other_command(lay: Lay) -> None:
    message = bytearray(head(lay) + lay((1, 0), (2, 0)))
    message[4] = 0x73
    with pytest.raises(WireError, match="not an SMB1 negotiate"):
        decode_multi_protocol_negotiate(message)


@pytest.mark.parametrize("strings", [b"\x02ab", b"\x03ab\0", b"\x02", b"\x02a\0\x01\0"])
def test_malformed_dialects(strings: bytes, lay: Lay) -> None:
    with pytest.raises(WireError, match="terminated string"):
        decode_multi_protocol_negotiate(head(lay) + lay((1, 0), (2, len(strings)), strings))


def test_fewer_bytes_than_announced(lay: Lay) -> None:
    with pytest.raises(WireError):
        decode_multi_protocol_negotiate(head(lay) + lay((1, 0), (2, 5), b"\x02ab\0"))


@given(
    dialects=st.lists(
        st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20), max_size=5
    )
)
def test_round_trip(dialects: list[str]) -> None:
    assert decode_multi_protocol_negotiate(encode_multi_protocol_negotiate(dialects)) == dialects


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(
        data,
        decode_multi_protocol_negotiate,
        encode_multi_protocol_negotiate,
        encode_multi_protocol_negotiate(DIALECTS),
    )
